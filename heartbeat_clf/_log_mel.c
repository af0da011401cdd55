/* Log-mel images of waveforms: what mel_plan.py does with NumPy, in one go.
 *
 * A group of frames is worked on at a time, one to a lane of the processor's vectors
 * (_log_mel_kernel.h). Two frames go through one complex Fourier transform, one as its real and one as
 * its imaginary part, and their spectra are told apart by symmetry. Double precision
 * up to the power, as rounding errors of strong low notes would come to 0.01 dB in
 * bands 80 dB below them.
 *
 * Needs the vector extensions of GCC or Clang; without a compiler that has them the
 * library does without this module.
 *
 * Stockham's self-sorting transform: Cochran et al., "What is the fast Fourier
 * transform?", Proc. IEEE 55 (1967), 1664-1674; butterflies of radix 3 and 5:
 * Nussbaumer, "Fast Fourier Transform and Convolution Algorithms" (1981), ch. 5.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "_buffers.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

#define MOST_LANES 4
#define MOST_GROUP (2 * MOST_LANES)
/* Numbers of a block's samples: half of a small second-level cache. */
#define BLOCK_NUMBERS 16384
#define MOST_FRAMES 256
#define MOST_PASSES 32

#define INLINE static inline __attribute__((always_inline))

typedef struct {
    const void *samples;
    int is_double;
    Py_ssize_t n_samples;
    float *image; /* (n_mels, n_frames) */
    Py_ssize_t n_mels, n_frames;
    Py_ssize_t n_fft, hop_length;
    const double *window;        /* (n_fft,) */
    const double *cosine, *sine; /* (n_fft,) each, of a whole turn */
    Py_ssize_t first_bin, n_bins;
    const float *bands;   /* (n_mels, n_bins) */
    const int32_t *spans; /* (n_mels, 2): the bins that a band uses */
    float lowest, relative;
    int n_passes;
    int radix[MOST_PASSES];
    double *phases; /* samples of a block, every hop_length-th in a row */
    double *real[2], *imaginary[2]; /* (n_fft, lanes), before and after a pass */
    float *power;                   /* (n_bins, frames of a group) */
    Py_ssize_t *places; /* (n_fft,): where a frame's samples begin in `phases` */
    Py_ssize_t block, row;
} Job;

/* Vectors as wide as those of AVX2, and as those that every 64-bit processor has. */
#define NAME(x) x##_by_4
#define LANES 4
#include "_log_mel_kernel.h"
#undef NAME
#undef LANES
#define NAME(x) x##_by_2
#define LANES 2
#include "_log_mel_kernel.h"
#undef NAME
#undef LANES

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void work_with_avx2(const Job *job)
{
    work_by_4(job);
}
#endif

static void work(const Job *job)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        work_with_avx2(job);
        return;
    }
#endif
    work_by_2(job);
}

static int plan_passes(Job *job)
{
    static const int radices[] = {4, 2, 3, 5};
    Py_ssize_t left = job->n_fft;
    job->n_passes = 0;
    for (int i = 0; i < 4; i++)
        for (; left % radices[i] == 0; left /= radices[i])
            job->radix[job->n_passes++] = radices[i];
    return left == 1;
}

/* The memory that a call works in, all of it in one piece, on bounds of 64 bytes. */
static void *make_room(Job *job)
{
    Py_ssize_t n = job->n_fft, hop = job->hop_length, n_phases = hop < n ? hop : n;
    Py_ssize_t block = BLOCK_NUMBERS / n_phases / MOST_GROUP * MOST_GROUP;
    block = block < MOST_GROUP ? MOST_GROUP : block;
    block = block > MOST_FRAMES ? MOST_FRAMES : block;
    job->block = block;
    job->row = block + (n - 1) / hop;
    size_t phases = ((size_t)(n_phases * job->row) * sizeof(double) + 63) / 64 * 64;
    size_t buffer = ((size_t)n * MOST_LANES * sizeof(double) + 63) / 64 * 64;
    size_t power = (size_t)job->n_bins * MOST_GROUP * sizeof(float);
    size_t places = (size_t)n * sizeof(Py_ssize_t);
    char *room = PyMem_Malloc(phases + 4 * buffer + power + places + 64);
    if (room == NULL)
        return NULL;
    char *at = room + (64 - (uintptr_t)room % 64) % 64;
    job->phases = (double *)at;
    at += phases;
    for (int i = 0; i < 2; i++) {
        job->real[i] = (double *)at;
        job->imaginary[i] = (double *)(at + buffer);
        at += 2 * buffer;
    }
    job->power = (float *)at;
    job->places = (Py_ssize_t *)(at + power);
    for (Py_ssize_t i = 0; i < n; i++)
        job->places[i] = i % hop * job->row + i / hop;
    return room;
}

#define N_BUFFERS 6

static const char *what_is_wrong(const Job *job, const Py_ssize_t *counts)
{
    Py_ssize_t padded = job->n_samples + 2 * (job->n_fft / 2);
    if (job->n_fft < 2 || job->hop_length < 1)
        return "Expected n_fft from 2 and hop_length from 1.";
    if (counts[2] != job->n_fft || counts[3] != 2 * job->n_fft)
        return "Expected a window of n_fft and waves of twice as many numbers.";
    if (job->first_bin < 0 || job->n_bins < 1 ||
        job->first_bin > job->n_fft / 2 + 1 - job->n_bins)
        return "Expected bins of the transform.";
    if (counts[4] % job->n_bins || counts[4] / job->n_bins != job->n_mels ||
        counts[5] % 2 || counts[5] / 2 != job->n_mels)
        return "Expected weights and spans of n_mels bands.";
    if (padded < job->n_fft ||
        job->n_frames != 1 + (padded - job->n_fft) / job->hop_length ||
        counts[1] != job->n_mels * job->n_frames)
        return "Expected an image of all frames.";
    for (Py_ssize_t i = 0; i < job->n_mels; i++)
        if (job->spans[2 * i] < 0 || job->spans[2 * i] > job->spans[2 * i + 1] ||
            job->spans[2 * i + 1] > job->n_bins)
            return "Expected spans within the bins.";
    if (!(job->lowest >= FLT_MIN) || !(job->relative >= 0))
        return "Expected a lowest power that is normal and a part of the loudest.";
    return NULL;
}

PyDoc_STRVAR(log_mel_doc,
"log_mel(samples, image, window, waves, bands, spans, hop_length, first_bin, lowest,\n"
"        relative)\n"
"--\n\n"
"Write the log-mel image of samples into `image`; see mel_plan.py.");

static PyObject *log_mel(PyObject *module, PyObject *args)
{
    PyObject *objects[N_BUFFERS];
    Py_buffer views[N_BUFFERS];
    Py_ssize_t counts[N_BUFFERS];
    static const char *formats[N_BUFFERS] = {"fd", "f", "d", "d", "f", "i"};
    Job job;
    int taken = 0;
    PyObject *result = NULL;

    (void)module;
    memset(&job, 0, sizeof job);
    if (!PyArg_ParseTuple(args, "OOOOOOnnff:log_mel", &objects[0], &objects[1],
                          &objects[2], &objects[3], &objects[4], &objects[5],
                          &job.hop_length, &job.first_bin, &job.lowest, &job.relative))
        return NULL;
    for (; taken < N_BUFFERS; taken++) {
        int flags = taken == 1 ? PyBUF_WRITABLE : 0;
        counts[taken] = take(objects[taken], &views[taken], formats[taken], flags);
        if (counts[taken] < 0)
            goto release;
    }
    if (views[1].ndim != 2 || views[4].ndim != 2) {
        PyErr_SetString(PyExc_ValueError, "Expected image and bands of two dimensions.");
        goto release;
    }
    job.samples = views[0].buf;
    job.is_double = views[0].format[0] == 'd';
    job.n_samples = counts[0];
    job.image = views[1].buf;
    job.n_mels = views[1].shape[0];
    job.n_frames = views[1].shape[1];
    job.n_fft = counts[2];
    job.window = views[2].buf;
    job.cosine = views[3].buf;
    job.sine = job.cosine + job.n_fft;
    job.bands = views[4].buf;
    job.n_bins = views[4].shape[1];
    job.spans = views[5].buf;
    const char *wrong = what_is_wrong(&job, counts);
    if (wrong == NULL && !plan_passes(&job))
        wrong = "Expected n_fft to have no factors but 2, 3 and 5.";
    if (wrong != NULL) {
        PyErr_SetString(PyExc_ValueError, wrong);
        goto release;
    }
    void *room = make_room(&job);
    if (room == NULL) {
        PyErr_NoMemory();
        goto release;
    }
    Py_BEGIN_ALLOW_THREADS
    work(&job);
    Py_END_ALLOW_THREADS
    PyMem_Free(room);
    result = Py_NewRef(Py_None);
release:
    while (taken--)
        PyBuffer_Release(&views[taken]);
    return result;
}

static PyMethodDef methods[] = {
    {"log_mel", log_mel, METH_VARARGS, log_mel_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_log_mel", "Log-mel images, compiled.", 0, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__log_mel(void)
{
    return PyModuleDef_Init(&definition);
}
