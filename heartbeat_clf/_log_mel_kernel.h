/* Log-mel images, LANES double-precision numbers to a vector. Included once for each
 * LANES, with NAME(x) giving names of its own to each of them.
 */
#define GROUP (2 * LANES) /* frames at a time */

typedef double NAME(vd) __attribute__((vector_size(8 * LANES)));
typedef float NAME(vf) __attribute__((vector_size(4 * LANES)));
typedef float NAME(vg) __attribute__((vector_size(4 * GROUP)));
typedef int32_t NAME(vi) __attribute__((vector_size(4 * GROUP)));
/* The same at any place in memory. */
typedef double NAME(vd_any)
    __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef float NAME(vf_any)
    __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float NAME(vg_any)
    __attribute__((vector_size(4 * GROUP), aligned(4), may_alias));

#define vd NAME(vd)
#define vf NAME(vf)
#define vg NAME(vg)
#define vi NAME(vi)
#define vd_any NAME(vd_any)
#define vf_any NAME(vf_any)
#define vg_any NAME(vg_any)
#define Complex NAME(Complex)

typedef struct {
    vd re, im;
} Complex;

INLINE Complex NAME(plus)(Complex a, Complex b)
{
    return (Complex){a.re + b.re, a.im + b.im};
}

INLINE Complex NAME(minus)(Complex a, Complex b)
{
    return (Complex){a.re - b.re, a.im - b.im};
}

INLINE Complex NAME(scaled)(Complex a, double by)
{
    return (Complex){a.re * by, a.im * by};
}

/* A quarter turn backwards: -i times a number. */
INLINE Complex NAME(turned)(Complex a)
{
    return (Complex){a.im, -a.re};
}

/* The discrete Fourier transform of 2, 3, 4 or 5 numbers, in place. */
INLINE void NAME(butterfly)(Complex *a, int radix)
{
    if (radix == 2) {
        Complex sum = NAME(plus)(a[0], a[1]);
        a[1] = NAME(minus)(a[0], a[1]);
        a[0] = sum;
    } else if (radix == 3) {
        Complex sum = NAME(plus)(a[1], a[2]);
        Complex turn = NAME(turned)(NAME(scaled)(NAME(minus)(a[1], a[2]), 0.86602540378443864676));
        Complex middle = NAME(minus)(a[0], NAME(scaled)(sum, 0.5));
        a[0] = NAME(plus)(a[0], sum);
        a[1] = NAME(plus)(middle, turn);
        a[2] = NAME(minus)(middle, turn);
    } else if (radix == 4) {
        Complex even = NAME(plus)(a[0], a[2]), odd = NAME(plus)(a[1], a[3]);
        Complex rest = NAME(minus)(a[0], a[2]), turn = NAME(turned)(NAME(minus)(a[1], a[3]));
        a[0] = NAME(plus)(even, odd);
        a[1] = NAME(plus)(rest, turn);
        a[2] = NAME(minus)(even, odd);
        a[3] = NAME(minus)(rest, turn);
    } else {
        const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
        const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
        Complex outer = NAME(plus)(a[1], a[4]), inner = NAME(plus)(a[2], a[3]);
        Complex outer_rest = NAME(minus)(a[1], a[4]), inner_rest = NAME(minus)(a[2], a[3]);
        Complex m1 = NAME(plus)(a[0], NAME(plus)(NAME(scaled)(outer, c1), NAME(scaled)(inner, c2)));
        Complex m2 = NAME(plus)(a[0], NAME(plus)(NAME(scaled)(outer, c2), NAME(scaled)(inner, c1)));
        Complex n1 = NAME(turned)(NAME(plus)(NAME(scaled)(outer_rest, s1), NAME(scaled)(inner_rest, s2)));
        Complex n2 = NAME(turned)(NAME(minus)(NAME(scaled)(outer_rest, s2), NAME(scaled)(inner_rest, s1)));
        a[0] = NAME(plus)(a[0], NAME(plus)(outer, inner));
        a[1] = NAME(plus)(m1, n1);
        a[2] = NAME(plus)(m2, n2);
        a[3] = NAME(minus)(m2, n2);
        a[4] = NAME(minus)(m1, n1);
    }
}

/* The end of a butterfly of Stockham's transform, whose numbers go into places
 * `stride` apart; without waves they are not turned.
 */
INLINE void NAME(put)(Complex *a, vd *re, vd *im, Py_ssize_t stride, int radix,
                const double *cosine, const double *sine)
{
    NAME(butterfly)(a, radix);
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
INLINE void NAME(waves)(const Job *job, Py_ssize_t step, int radix, double *cosine,
                  double *sine)
{
#pragma GCC unroll 5
    for (int k = 1; k < radix; k++) {
        cosine[k] = job->cosine[k * step];
        sine[k] = job->sine[k * step];
    }
}

/* The first pass, from the samples times half the window: two spectra are told apart
 * by their sum and difference.
 */
INLINE void NAME(first_pass)(const Job *job, Py_ssize_t frame, int radix)
{
    vd *re = (vd *)job->real[1], *im = (vd *)job->imaginary[1];
    Py_ssize_t part = job->n_fft / radix;
    for (Py_ssize_t p = 0; p < part; p++) {
        double cosine[5], sine[5];
        Complex a[5];
        NAME(waves)(job, p, radix, cosine, sine);
#pragma GCC unroll 5
        for (int j = 0; j < radix; j++) {
            Py_ssize_t i = p + j * part;
            const double *at = job->phases + job->places[i] + frame;
            double w = 0.5 * job->window[i];
            a[j] = (Complex){*(const vd_any *)at * w,
                             *(const vd_any *)(at + LANES) * w};
        }
        NAME(put)(a, re + radix * p, im + radix * p, 1, radix, cosine, sine);
    }
}

/* A later pass: `length` is that of the transforms left to do, `stride` their number. */
INLINE void NAME(pass)(const Job *job, int from, int radix, Py_ssize_t length,
                 Py_ssize_t stride)
{
    const vd *re = (vd *)job->real[from], *im = (vd *)job->imaginary[from];
    vd *re_out = (vd *)job->real[!from], *im_out = (vd *)job->imaginary[!from];
    Py_ssize_t part = length / radix;
    for (Py_ssize_t p = 0; p < part; p++) {
        double cosine[5], sine[5];
        NAME(waves)(job, p * stride, radix, cosine, sine);
        for (Py_ssize_t q = 0; q < stride; q++) {
            Complex a[5];
            Py_ssize_t out = q + stride * radix * p;
#pragma GCC unroll 5
            for (int j = 0; j < radix; j++) {
                Py_ssize_t at = q + stride * (p + j * part);
                a[j] = (Complex){re[at], im[at]};
            }
            if (p == 0)
                NAME(put)(a, re_out + out, im_out + out, stride, radix, NULL, NULL);
            else
                NAME(put)(a, re_out + out, im_out + out, stride, radix, cosine, sine);
        }
    }
}

/* Lay out a block's samples so that neighbouring frames lie side by side. */
INLINE void NAME(fill)(const Job *job, Py_ssize_t first_frame, Py_ssize_t n_frames)
{
    Py_ssize_t hop = job->hop_length, row = job->row, n = job->n_samples;
    Py_ssize_t n_phases = hop < job->n_fft ? hop : job->n_fft;
    const double *doubles = job->samples;
    const float *floats = job->samples;
    /* From here on frames begin after the last sample; hops may be huge. */
    Py_ssize_t beyond = (n + job->n_fft / 2) / hop + 1;
    Py_ssize_t n_turns = n_frames + (job->n_fft - 1) / hop;
    for (Py_ssize_t t = 0; t < n_turns; t++) {
        double *out = job->phases + t;
        Py_ssize_t frame = first_frame + t;
        Py_ssize_t start = frame < beyond ? frame * hop - job->n_fft / 2 : n;
        if (start >= 0 && start <= n - n_phases) {
            if (job->is_double)
                for (Py_ssize_t p = 0; p < n_phases; p++)
                    out[p * row] = doubles[start + p];
            else
                for (Py_ssize_t p = 0; p < n_phases; p++)
                    out[p * row] = floats[start + p];
            continue;
        }
        for (Py_ssize_t p = 0; p < n_phases; p++) {
            double sample = 0;
            if (start >= -p && start < n - p)
                sample = job->is_double ? doubles[start + p] : floats[start + p];
            out[p * row] = sample;
        }
    }
}

/* Fourier transforms of a group of frames, half of them as real parts; returns which
 * buffers they are in.
 */
INLINE int NAME(transform)(const Job *job, Py_ssize_t frame)
{
    Py_ssize_t length = job->n_fft, stride = 1;
    int from = 0;
    for (int i = 0; i < job->n_passes; i++) {
        int radix = job->radix[i], first = i == 0;
#define PASS(R) first ? NAME(first_pass)(job, frame, R) : NAME(pass)(job, from, R, length, stride)
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

/* Powers of the frames of a group. What one frame holds reaches the one that shares
 * its transform at -320 dB.
 */
INLINE void NAME(powers)(const Job *job, int from)
{
    const vd *re = (vd *)job->real[from], *im = (vd *)job->imaginary[from];
    for (Py_ssize_t i = 0; i < job->n_bins; i++) {
        Py_ssize_t bin = job->first_bin + i, mirrored = bin ? job->n_fft - bin : 0;
        vd a = re[bin] + re[mirrored], b = im[bin] - im[mirrored];
        vd c = im[bin] + im[mirrored], d = re[mirrored] - re[bin];
        float *out = job->power + GROUP * i;
        *(vf_any *)out = __builtin_convertvector(a * a + b * b, vf);
        *(vf_any *)(out + LANES) = __builtin_convertvector(c * c + d * d, vf);
    }
}

/* Mel bands of the group of frames at `frame`, into the image. */
INLINE void NAME(bands)(const Job *job, Py_ssize_t frame)
{
    Py_ssize_t left = job->n_frames - frame;
    for (Py_ssize_t band = 0; band < job->n_mels; band++) {
        const float *weights = job->bands + band * job->n_bins;
        vg sum = {0};
        for (Py_ssize_t i = job->spans[2 * band]; i < job->spans[2 * band + 1]; i++)
            sum += *(const vg_any *)(job->power + GROUP * i) * weights[i];
        float *out = job->image + band * job->n_frames + frame;
        if (left >= GROUP)
            *(vg_any *)out = sum;
        else
            memcpy(out, &sum, (size_t)left * sizeof(float));
    }
}

/* The largest finite number, or 0. */
INLINE float NAME(loudest)(const float *image, Py_ssize_t n)
{
    vg most = {0};
    Py_ssize_t i = 0;
    for (; i + GROUP <= n; i += GROUP) {
        vg x = *(const vg_any *)(image + i);
        vi larger = (x > most) & (x <= FLT_MAX);
        most = (vg)(((vi)x & larger) | ((vi)most & ~larger));
    }
    float result = 0;
    for (int k = 0; k < GROUP; k++)
        result = most[k] > result ? most[k] : result;
    for (; i < n; i++)
        if (image[i] > result && image[i] <= FLT_MAX)
            result = image[i];
    return result;
}

/* Decibels of numbers, or of `floor` where they are less; it is positive and normal.
 * 10 log10(m 2^e), where m lies around 1 and ln(m) = 2 artanh(s) with
 * s = (m - 1) / (m + 1), by its series. What is not finite stays what it is.
 */
INLINE vg NAME(decibels)(vg x, float floor)
{
    vi low = x < floor;
    x = (vg)(((vi)((vg){0} + floor) & low) | ((vi)x & ~low));
    vi bits = (vi)x;
    vi exponent = (bits - 0x3f3504f3) >> 23; /* of x over the root of a half */
    vg m = (vg)(bits - (exponent << 23));
    vg e = __builtin_convertvector(exponent, vg);
    vg s = (m - 1.0f) / (m + 1.0f), z = s * s;
    vg series = z * (8.68588963806504f / 9) + 8.68588963806504f / 7;
    series = series * z + 8.68588963806504f / 5;
    series = series * z + 8.68588963806504f / 3;
    series = series * z + 8.68588963806504f;
    /* 10 log10(2) in two parts, of which e times the first is exact. */
    vg level = e * 3.0078125f + (e * 0.0024874566398f + series * s);
    vi finite = x <= FLT_MAX;
    return (vg)(((vi)level & finite) | (bits & ~finite));
}

INLINE void NAME(to_decibels)(float *image, Py_ssize_t n, float floor)
{
    Py_ssize_t i = 0;
    for (; i + GROUP <= n; i += GROUP) {
        vg_any *at = (vg_any *)(image + i);
        *at = NAME(decibels)(*at, floor);
    }
    if (i < n) {
        size_t left = (size_t)(n - i) * sizeof(float);
        vg rest = {0};
        memcpy(&rest, image + i, left);
        rest = NAME(decibels)(rest, floor);
        memcpy(image + i, &rest, left);
    }
}

INLINE void NAME(work)(const Job *job)
{
    for (Py_ssize_t start = 0; start < job->n_frames; start += job->block) {
        Py_ssize_t left = (job->n_frames - start + GROUP - 1) / GROUP * GROUP;
        Py_ssize_t n_frames = left < job->block ? left : job->block;
        NAME(fill)(job, start, n_frames);
        for (Py_ssize_t frame = 0; frame < n_frames; frame += GROUP) {
            NAME(powers)(job, NAME(transform)(job, frame));
            NAME(bands)(job, start + frame);
        }
    }
    Py_ssize_t n = job->n_mels * job->n_frames;
    float floor = job->lowest, least = NAME(loudest)(job->image, n) * job->relative;
    NAME(to_decibels)(job->image, n, least > floor ? least : floor);
}

#undef GROUP
#undef vd
#undef vf
#undef vg
#undef vi
#undef vd_any
#undef vf_any
#undef vg_any
#undef Complex
