/* The likeliest heart states of all frames: what beat_decoding.py does with NumPy, with
 * the same numbers added in the same order, so that the answers are the same.
 *
 * A semi-Markov Viterbi search: state j follows state j - 1, and each stay has a
 * duration with a probability of its own.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "_buffers.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define N_STATES 4
#define N_BUFFERS 4

typedef struct {
    const double *scores; /* (n_frames, N_STATES): log probabilities */
    const double *stays;  /* (N_STATES, longest): of 1, 2, ... frames */
    const double *cut;    /* (N_STATES, longest): of at least so many */
    int64_t *states;      /* (n_frames,): the answer */
    Py_ssize_t n_frames, longest;
    Py_ssize_t least[N_STATES], most[N_STATES]; /* frames of a stay that may be */
    double *total; /* (N_STATES, n_frames + 1): sums of the scores before a frame */
    double *entry; /* (N_STATES, n_frames + 1): best score with a stay from a frame on,
                      less `total` there */
} Search;

/* The best score, less `total`, of a stay in a state that ends before frame `end`, and
 * how long it lasts; the longest of equals. A stay that the start cuts has begun before. */
static double best_stay(const Search *search, int state, Py_ssize_t end,
                        const double *durations, Py_ssize_t least, Py_ssize_t most,
                        Py_ssize_t *length)
{
    const double *entry = search->entry + state * (search->n_frames + 1);
    double best = -INFINITY;
    Py_ssize_t longest = search->longest;
    for (Py_ssize_t n = most < end ? most : end - 1; n >= least; n--) {
        double score = entry[end - n] + durations[n - 1];
        if (score > best) {
            best = score;
            longest = n;
        }
    }
    if (end <= search->longest) {
        double whole = search->cut[state * search->longest + end - 1];
        if (whole > best) {
            best = whole;
            longest = end;
        }
    }
    if (length != NULL)
        *length = longest;
    return best;
}

static void find_path(const Search *search)
{
    Py_ssize_t n = search->n_frames, row = n + 1, longest = search->longest;
    for (int j = 0; j < N_STATES; j++) {
        double *total = search->total + j * row;
        total[0] = 0;
        for (Py_ssize_t i = 0; i < n; i++)
            total[i + 1] = total[i] + search->scores[i * N_STATES + j];
    }
    for (Py_ssize_t end = 1; end <= n; end++)
        for (int j = 0; j < N_STATES; j++) {
            int next = (j + 1) % N_STATES;
            double best = best_stay(search, j, end, search->stays + j * longest,
                                    search->least[j], search->most[j], NULL);
            search->entry[next * row + end] =
                best + search->total[j * row + end] - search->total[next * row + end];
        }
    /* The last stay is one that the end of the recording cuts. */
    double best = -INFINITY;
    int state = 0;
    Py_ssize_t stay = longest < n ? longest : n;
    for (int j = 0; j < N_STATES; j++) {
        Py_ssize_t length;
        double last =
            best_stay(search, j, n, search->cut + j * longest, 1, longest, &length) +
            search->total[j * row + n];
        if (last > best) {
            best = last;
            state = j;
            stay = length;
        }
    }
    for (Py_ssize_t end = n; end > 0;) {
        stay = stay < 1 || stay > end ? end : stay;
        for (Py_ssize_t i = end - stay; i < end; i++)
            search->states[i] = state;
        end -= stay;
        if (end > 0) {
            state = (state + N_STATES - 1) % N_STATES;
            best_stay(search, state, end, search->stays + state * longest,
                      search->least[state], search->most[state], &stay);
        }
    }
}

PyDoc_STRVAR(find_states_doc,
"find_states(scores, stays, cut, states)\n"
"--\n\n"
"Write the likeliest states into `states`; see beat_decoding.py.");

static PyObject *find_states(PyObject *module, PyObject *args)
{
    PyObject *objects[N_BUFFERS];
    Py_buffer views[N_BUFFERS];
    Py_ssize_t counts[N_BUFFERS];
    static const char *formats[N_BUFFERS] = {"d", "d", "d", "lq"};
    Search search;
    int taken = 0;
    PyObject *result = NULL;

    (void)module;
    memset(&search, 0, sizeof search);
    if (!PyArg_ParseTuple(args, "OOOO:find_states", &objects[0], &objects[1],
                          &objects[2], &objects[3]))
        return NULL;
    for (; taken < N_BUFFERS; taken++) {
        int flags = taken == 3 ? PyBUF_WRITABLE : 0;
        counts[taken] = take(objects[taken], &views[taken], formats[taken], flags);
        if (counts[taken] < 0)
            goto release;
    }
    if (views[3].itemsize != sizeof(int64_t)) {
        PyErr_SetString(PyExc_TypeError, "Expected states of 64 bits.");
        goto release;
    }
    search.n_frames = counts[3];
    search.longest = counts[1] / N_STATES;
    if (search.n_frames < 1 || counts[0] != N_STATES * search.n_frames ||
        search.longest < 1 || counts[1] != N_STATES * search.longest ||
        counts[2] != counts[1]) {
        PyErr_SetString(PyExc_ValueError,
                        "Expected four scores a frame, and durations of four states.");
        goto release;
    }
    search.scores = views[0].buf;
    search.stays = views[1].buf;
    search.cut = views[2].buf;
    search.states = views[3].buf;
    for (int j = 0; j < N_STATES; j++) {
        const double *stays = search.stays + j * search.longest;
        search.least[j] = search.longest + 1;
        for (Py_ssize_t i = 0; i < search.longest; i++)
            if (stays[i] > -INFINITY) {
                search.most[j] = i + 1;
                if (search.least[j] > search.longest)
                    search.least[j] = i + 1;
            }
    }
    size_t size = (size_t)N_STATES * (size_t)(search.n_frames + 1);
    search.total = PyMem_Malloc(2 * size * sizeof(double));
    if (search.total == NULL) {
        PyErr_NoMemory();
        goto release;
    }
    search.entry = search.total + size;
    for (size_t i = 0; i < size; i++)
        search.entry[i] = -INFINITY;
    Py_BEGIN_ALLOW_THREADS
    find_path(&search);
    Py_END_ALLOW_THREADS
    PyMem_Free(search.total);
    result = Py_NewRef(Py_None);
release:
    while (taken--)
        PyBuffer_Release(&views[taken]);
    return result;
}

static PyMethodDef methods[] = {
    {"find_states", find_states, METH_VARARGS, find_states_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_beat_search", "Heart states of frames, compiled.", 0,
    methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__beat_search(void)
{
    return PyModuleDef_Init(&definition);
}
