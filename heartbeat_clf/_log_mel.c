/* Log-mel images of waveforms: what mel_plan.py does with NumPy, in one go.
 *
 * Eight frames are worked on at a time, one to a lane of the processor's vectors.
 * Two frames go through one complex Fourier transform, one as its real and one as
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

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 4
#define GROUP (2 * LANES)
/* Numbers of a block's samples: half of a small second-level cache. */
#define BLOCK_NUMBERS 16384
#define MOST_FRAMES 256
#define MOST_PASSES 32

typedef double v4d __attribute__((vector_size(32)));
typedef float v4f __attribute__((vector_size(16)));
typedef double v4d_any __attribute__((vector_size(32), aligned(8), may_alias));
typedef float v4f_any __attribute__((vector_size(16), aligned(4), may_alias));
typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef float v8f_any __attribute__((vector_size(32), aligned(4), may_alias));

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
    v4d *real[2], *imaginary[2];
    float *power; /* (n_bins, GROUP) */
    Py_ssize_t *places; /* (n_fft,): where a frame's samples begin in `phases` */
    Py_ssize_t block, row;
} Job;

typedef struct {
    v4d re, im;
} Complex;

INLINE Complex plus(Complex a, Complex b)
{
    return (Complex){a.re + b.re, a.im + b.im};
}

INLINE Complex minus(Complex a, Complex b)
{
    return (Complex){a.re - b.re, a.im - b.im};
}

INLINE Complex scaled(Complex a, double by)
{
    return (Complex){a.re * by, a.im * by};
}

/* A quarter turn backwards: -i times a number. */
INLINE Complex turned(Complex a)
{
    return (Complex){a.im, -a.re};
}

/* The discrete Fourier transform of 2, 3, 4 or 5 numbers, in place. */
INLINE void butterfly(Complex *a, int radix)
{
    if (radix == 2) {
        Complex sum = plus(a[0], a[1]);
        a[1] = minus(a[0], a[1]);
        a[0] = sum;
    } else if (radix == 3) {
        Complex sum = plus(a[1], a[2]);
        Complex turn = turned(scaled(minus(a[1], a[2]), 0.86602540378443864676));
        Complex middle = minus(a[0], scaled(sum, 0.5));
        a[0] = plus(a[0], sum);
        a[1] = plus(middle, turn);
        a[2] = minus(middle, turn);
    } else if (radix == 4) {
        Complex even = plus(a[0], a[2]), odd = plus(a[1], a[3]);
        Complex rest = minus(a[0], a[2]), turn = turned(minus(a[1], a[3]));
        a[0] = plus(even, odd);
        a[1] = plus(rest, turn);
        a[2] = minus(even, odd);
        a[3] = minus(rest, turn);
    } else {
        const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
        const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
        Complex outer = plus(a[1], a[4]), inner = plus(a[2], a[3]);
        Complex outer_rest = minus(a[1], a[4]), inner_rest = minus(a[2], a[3]);
        Complex m1 = plus(a[0], plus(scaled(outer, c1), scaled(inner, c2)));
        Complex m2 = plus(a[0], plus(scaled(outer, c2), scaled(inner, c1)));
        Complex n1 = turned(plus(scaled(outer_rest, s1), scaled(inner_rest, s2)));
        Complex n2 = turned(minus(scaled(outer_rest, s2), scaled(inner_rest, s1)));
        a[0] = plus(a[0], plus(outer, inner));
        a[1] = plus(m1, n1);
        a[2] = plus(m2, n2);
        a[3] = minus(m2, n2);
        a[4] = minus(m1, n1);
    }
}

/* The end of a butterfly of Stockham's transform, whose numbers go into places
 * `stride` apart; without waves they are not turned.
 */
INLINE void put(Complex *a, v4d *re, v4d *im, Py_ssize_t stride, int radix,
                const double *cosine, const double *sine)
{
    butterfly(a, radix);
    re[0] = a[0].re;
    im[0] = a[0].im;
#pragma GCC unroll 5
    for (int k = 1; k < radix; k++) {
        Complex b = a[k];
        if (cosine != NULL)
            b = (Complex){a[k].re * cosine[k] + a[k].im * sine[k],
                          a[k].im * cosine[k] - a[k].re * sine[k]};
        re[k * stride] = b.re;
        im[k * stride] = b.im;
    }
}

/* What butterfly `p` of a pass turns its numbers by, as far as `radix`. */
INLINE void waves(const Job *job, Py_ssize_t step, int radix, double *cosine,
                  double *sine)
{
#pragma GCC unroll 5
    for (int k = 1; k < radix; k++) {
        cosine[k] = job->cosine[k * step];
        sine[k] = job->sine[k * step];
    }
}

/* The first pass, from the samples times the window. */
INLINE void first_pass(const Job *job, Py_ssize_t frame, int radix)
{
    v4d *re = job->real[1], *im = job->imaginary[1];
    Py_ssize_t part = job->n_fft / radix;
    for (Py_ssize_t p = 0; p < part; p++) {
        double cosine[5], sine[5];
        Complex a[5];
        waves(job, p, radix, cosine, sine);
#pragma GCC unroll 5
        for (int j = 0; j < radix; j++) {
            Py_ssize_t i = p + j * part;
            const double *at = job->phases + job->places[i] + frame;
            double w = job->window[i];
            a[j] = (Complex){*(const v4d_any *)at * w,
                             *(const v4d_any *)(at + LANES) * w};
        }
        put(a, re + radix * p, im + radix * p, 1, radix, cosine, sine);
    }
}

/* A later pass: `length` is that of the transforms left to do, `stride` their number. */
INLINE void pass(const Job *job, int from, int radix, Py_ssize_t length,
                 Py_ssize_t stride)
{
    const v4d *re = job->real[from], *im = job->imaginary[from];
    v4d *re_out = job->real[!from], *im_out = job->imaginary[!from];
    Py_ssize_t part = length / radix;
    for (Py_ssize_t p = 0; p < part; p++) {
        double cosine[5], sine[5];
        waves(job, p * stride, radix, cosine, sine);
        for (Py_ssize_t q = 0; q < stride; q++) {
            Complex a[5];
            Py_ssize_t out = q + stride * radix * p;
#pragma GCC unroll 5
            for (int j = 0; j < radix; j++) {
                Py_ssize_t at = q + stride * (p + j * part);
                a[j] = (Complex){re[at], im[at]};
            }
            if (p == 0)
                put(a, re_out + out, im_out + out, stride, radix, NULL, NULL);
            else
                put(a, re_out + out, im_out + out, stride, radix, cosine, sine);
        }
    }
}

/* Lay out a block's samples so that neighbouring frames lie side by side. */
INLINE void fill(const Job *job, Py_ssize_t first_frame)
{
    Py_ssize_t hop = job->hop_length, row = job->row, n = job->n_samples;
    Py_ssize_t n_phases = hop < job->n_fft ? hop : job->n_fft;
    const double *doubles = job->samples;
    const float *floats = job->samples;
    for (Py_ssize_t t = 0; t < row; t++) {
        double *out = job->phases + t;
        Py_ssize_t start = (first_frame + t) * hop - job->n_fft / 2;
        if (start >= 0 && start + n_phases <= n) {
            if (job->is_double)
                for (Py_ssize_t p = 0; p < n_phases; p++)
                    out[p * row] = doubles[start + p];
            else
                for (Py_ssize_t p = 0; p < n_phases; p++)
                    out[p * row] = floats[start + p];
            continue;
        }
        for (Py_ssize_t p = 0; p < n_phases; p++) {
            Py_ssize_t at = start + p;
            double sample = 0;
            if (at >= 0 && at < n)
                sample = job->is_double ? doubles[at] : floats[at];
            out[p * row] = sample;
        }
    }
}

/* Fourier transforms of eight frames, four as real parts; returns where they are. */
INLINE int transform(const Job *job, Py_ssize_t frame)
{
    Py_ssize_t length = job->n_fft, stride = 1;
    int from = 0;
    for (int i = 0; i < job->n_passes; i++) {
        int radix = job->radix[i], first = i == 0;
#define PASS(R) first ? first_pass(job, frame, R) : pass(job, from, R, length, stride)
        switch (radix) {
        case 2: PASS(2); break;
        case 3: PASS(3); break;
        case 4: PASS(4); break;
        default: PASS(5); break;
        }
#undef PASS
        length /= radix;
        stride *= radix;
        from = !from;
    }
    return from;
}

/* Powers of eight frames, four times as large as they are. */
INLINE void powers(const Job *job, int from)
{
    const v4d *re = job->real[from], *im = job->imaginary[from];
    for (Py_ssize_t i = 0; i < job->n_bins; i++) {
        Py_ssize_t bin = job->first_bin + i, mirrored = bin ? job->n_fft - bin : 0;
        v4d a = re[bin] + re[mirrored], b = im[bin] - im[mirrored];
        v4d c = im[bin] + im[mirrored], d = re[mirrored] - re[bin];
        float *out = job->power + GROUP * i;
        *(v4f_any *)out = __builtin_convertvector(a * a + b * b, v4f);
        *(v4f_any *)(out + LANES) = __builtin_convertvector(c * c + d * d, v4f);
    }
}

/* Mel bands of the eight frames at `frame`, into the image. */
INLINE void bands(const Job *job, Py_ssize_t frame)
{
    Py_ssize_t left = job->n_frames - frame;
    for (Py_ssize_t band = 0; band < job->n_mels; band++) {
        const float *weights = job->bands + band * job->n_bins;
        v8f sum = {0};
        for (int32_t i = job->spans[2 * band]; i < job->spans[2 * band + 1]; i++)
            sum += *(const v8f_any *)(job->power + GROUP * i) * (0.25f * weights[i]);
        float *out = job->image + band * job->n_frames + frame;
        if (left >= GROUP)
            *(v8f_any *)out = sum;
        else
            memcpy(out, &sum, (size_t)left * sizeof(float));
    }
}

INLINE float loudest(const float *image, Py_ssize_t n)
{
    v8f most = {0};
    Py_ssize_t i = 0;
    for (; i + 8 <= n; i += 8) {
        v8f x = *(const v8f_any *)(image + i);
        v8i larger = x > most;
        most = (v8f)(((v8i)x & larger) | ((v8i)most & ~larger));
    }
    float result = 0;
    for (int k = 0; k < 8; k++)
        result = most[k] > result ? most[k] : result;
    for (; i < n; i++)
        result = image[i] > result ? image[i] : result;
    return result;
}

/* Decibels of positive normal numbers: 10 log10(m 2^e), where m lies around 1 and
 * ln(m) = 2 artanh(s) with s = (m - 1) / (m + 1), by its series. What is not finite
 * is no number afterwards.
 */
INLINE v8f decibels(v8f x)
{
    v8i bits = (v8i)x;
    v8i exponent = (bits - 0x3f3504f3) >> 23; /* of x over the root of a half */
    v8f m = (v8f)(bits - (exponent << 23));
    v8f e = __builtin_convertvector(exponent, v8f);
    v8f s = (m - 1.0f) / (m + 1.0f), z = s * s;
    v8f series = z * (8.68588963806504f / 9) + 8.68588963806504f / 7;
    series = series * z + 8.68588963806504f / 5;
    series = series * z + 8.68588963806504f / 3;
    series = series * z + 8.68588963806504f;
    /* 10 log10(2) in two parts, of which e times the first is exact. */
    v8f small = e * 0.0024874566398f + series * s;
    return e * 3.0078125f + small + (x - x);
}

INLINE void to_decibels(float *image, Py_ssize_t n, float floor)
{
    Py_ssize_t i = 0;
    for (; i < n; i += 8) {
        float rest[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        v8f x;
        if (i + 8 <= n) {
            x = *(const v8f_any *)(image + i);
        } else {
            memcpy(rest, image + i, (size_t)(n - i) * sizeof(float));
            x = *(const v8f_any *)rest;
        }
        v8i low = x < floor;
        v8f lifted = (v8f)(((v8i)((v8f){0} + floor) & low) | ((v8i)x & ~low));
        v8f level = decibels(lifted);
        if (i + 8 <= n)
            *(v8f_any *)(image + i) = level;
        else
            memcpy(image + i, &level, (size_t)(n - i) * sizeof(float));
    }
}

INLINE void work(const Job *job)
{
    for (Py_ssize_t start = 0; start < job->n_frames; start += job->block) {
        Py_ssize_t left = job->n_frames - start;
        fill(job, start);
        for (Py_ssize_t frame = 0; frame < left && frame < job->block; frame += GROUP) {
            powers(job, transform(job, frame));
            bands(job, start + frame);
        }
    }
    Py_ssize_t n = job->n_mels * job->n_frames;
    float floor = job->lowest, least = loudest(job->image, n) * job->relative;
    to_decibels(job->image, n, least > floor ? least : floor);
}

static void work_anywhere(const Job *job)
{
    work(job);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void work_with_avx2(const Job *job)
{
    work(job);
}
#endif

static void dispatch(const Job *job)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        work_with_avx2(job);
        return;
    }
#endif
    work_anywhere(job);
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
    Py_ssize_t block = BLOCK_NUMBERS / n_phases / GROUP * GROUP;
    block = block < GROUP ? GROUP : block > MOST_FRAMES ? MOST_FRAMES : block;
    job->block = block;
    job->row = block + (n - 1) / hop;
    size_t phases = ((size_t)(n_phases * job->row) * sizeof(double) + 63) / 64 * 64;
    size_t buffer = ((size_t)n * sizeof(v4d) + 63) / 64 * 64;
    size_t power = (size_t)(job->n_bins * GROUP) * sizeof(float);
    size_t places = (size_t)n * sizeof(Py_ssize_t);
    char *room = PyMem_Malloc(phases + 4 * buffer + power + places + 64);
    if (room == NULL)
        return NULL;
    char *at = room + (64 - (uintptr_t)room % 64) % 64;
    job->phases = (double *)at;
    at += phases;
    for (int i = 0; i < 2; i++) {
        job->real[i] = (v4d *)at;
        job->imaginary[i] = (v4d *)(at + buffer);
        at += 2 * buffer;
    }
    job->power = (float *)at;
    job->places = (Py_ssize_t *)(at + power);
    for (Py_ssize_t i = 0; i < n; i++)
        job->places[i] = i % hop * job->row + i / hop;
    return room;
}

#define N_BUFFERS 6

/* Take `object` as contiguous numbers of one of the formats; their count, or -1. */
static Py_ssize_t take(PyObject *object, Py_buffer *view, const char *formats, int flags)
{
    if (PyObject_GetBuffer(object, view, flags | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS))
        return -1;
    if (view->format == NULL || strlen(view->format) != 1 ||
        strchr(formats, view->format[0]) == NULL || view->itemsize == 0) {
        PyErr_Format(PyExc_TypeError, "Expected numbers of format %s, got %s.", formats,
                     view->format == NULL ? "bytes" : view->format);
        PyBuffer_Release(view);
        return -1;
    }
    return view->len / view->itemsize;
}

static const char *what_is_wrong(const Job *job, const Py_ssize_t *counts)
{
    Py_ssize_t padded = job->n_samples + 2 * (job->n_fft / 2);
    if (job->n_fft < 2 || job->hop_length < 1)
        return "Expected n_fft from 2 and hop_length from 1.";
    if (counts[2] != job->n_fft || counts[3] != 2 * job->n_fft)
        return "Expected a window of n_fft and waves of twice as many numbers.";
    if (job->first_bin < 0 || job->n_bins < 1 ||
        job->first_bin + job->n_bins > job->n_fft / 2 + 1)
        return "Expected bins of the transform.";
    if (counts[4] != job->n_mels * job->n_bins || counts[5] != 2 * job->n_mels)
        return "Expected weights and spans of n_mels bands.";
    if (padded < job->n_fft ||
        job->n_frames != 1 + (padded - job->n_fft) / job->hop_length ||
        counts[1] != job->n_mels * job->n_frames)
        return "Expected an image of all frames.";
    for (Py_ssize_t i = 0; i < job->n_mels; i++)
        if (job->spans[2 * i] < 0 || job->spans[2 * i] > job->spans[2 * i + 1] ||
            job->spans[2 * i + 1] > job->n_bins)
            return "Expected spans within the bins.";
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
    dispatch(&job);
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
