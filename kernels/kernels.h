/* The table of kernels: raw pointers and sizes in, numbers out. No tensors, no allocation, no
 * threads, no I/O, no errors: callers guarantee the contracts below.
 *
 * Common rules, unless a kernel says otherwise:
 *   - pointers need only be aligned to their element;
 *   - buffers do not overlap; "in place" means dst == src exactly is allowed;
 *   - nothing outside the stated elements is read or written (vector kernels mask their tails);
 *   - an output element does not depend on how many others are computed beside it, so that work
 *     may be split anywhere and the bits stay the same;
 *   - NaN, Inf and denormals are ordinary numbers (IEEE 754), and the floating point environment
 *     is neither read nor changed. */
#ifndef VIS_KERNELS_H
#define VIS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Same numbers as viseme_cpu; kernels do not include viseme.h. */
enum vis_cpu { VIS_CPU_C = 1, VIS_CPU_AVX2 = 2, VIS_CPU_AVX512 = 3 };

/* PReLU: x where x >= 0, else x times its column's slope. Swish: x * sigmoid(x) (Ramachandran et
 * al. 2017, "Searching for Activation Functions"). GELU: x times the normal distribution's share
 * below x; with tanh: x * sigmoid(x (VIS_GELU_TANH_1 + VIS_GELU_TANH_3 x^2)), which is close to it
 * (Hendrycks and Gimpel 2016, "Gaussian Error Linear Units"). All of them keep NaN; of -Inf the
 * last three make NaN, as in PyTorch. */
enum vis_act {
    VIS_ACT_NONE,
    VIS_ACT_RELU,
    VIS_ACT_PRELU,
    VIS_ACT_SWISH,
    VIS_ACT_GELU,
    VIS_ACT_GELU_TANH
};
#define VIS_GELU_TANH_1 0x1.988454p+0f /* 2 sqrt(2 / pi) */
#define VIS_GELU_TANH_3 0x1.2444f2p-4f /* 0.044715 times that */

/* Largest gemm tile of any level: callers size their pointer arrays with it. */
enum { VIS_GEMM_MAX_MR = 16, VIS_GEMM_MAX_NR = 64 };

/* One tile of C = act(A * B + bias + residual), rows and taps given by offsets in floats:
 *
 *   A[i][tap * kc + k] = a[a_offset[i] + tap_offset[tap] + k]      i < m, tap < taps, k < kc
 *   c[c_offset[i] + j] = act(sum over tap, k in that order of A * B + bias[j] +
 *                            residual[residual_offset[i] + j])      j < n
 *
 * so that a convolution reads a haloed activation [T H W C] in place: a_offset[i] leads to the
 * input pixel at the top left of output pixel i, a tap is one (kt, ky) pair, and kc = kw * C
 * because a row of the kernel is contiguous in memory. A linear layer has one tap, offset 0, and kc
 * = K.
 *
 * The sum is one chain in order of k from 0 (fused multiply-add at the SIMD levels); bias, then
 * residual are added after it. c is written, never read. The residual may have fewer columns than
 * C: to the others nothing is added. */
struct vis_gemm_tile {
    int m, n;                    /* 1..mr rows, 1..nr columns to store */
    int taps, kc;                /* K = taps * kc, both >= 1 */
    const ptrdiff_t *tap_offset; /* [taps] */
    const float *a;
    const ptrdiff_t *a_offset; /* [m] */
    const float *b;            /* a packed panel [K][nr], 64-byte aligned */
    const float *bias;         /* [nr], 64-byte aligned; NULL: none */
    float *c;                  /* at column 0 of this panel */
    const ptrdiff_t *c_offset; /* [m] */
    const float *residual;     /* likewise; NULL: none; may be the same elements as c */
    const ptrdiff_t *residual_offset;
    int residual_n; /* columns of the residual, 1..n */
    enum vis_act act;
    const float *slope;   /* [nr], 64-byte aligned; only for VIS_ACT_PRELU */
    const char *prefetch; /* bytes that will be wanted next, at any address */
    int prefetch_step;    /* bytes to move on after each k; 0: nothing to prefetch */
};
typedef void vis_gemm_tile_fn(const struct vis_gemm_tile *tile);

/* Packs columns n0 .. n0+nr-1 (those >= n become zeros) of B into dst [K][nr], 64-byte aligned:
 *   dst[k][j] = src[(n0 + j) * n_stride + k_index[k]]
 * which takes PyTorch's [N K] matrices (k_index[k] = k) and its [N C kt kh kw] convolution
 * weights in the order of the taps with one table. */
typedef void vis_gemm_pack_fn(float *dst, const float *src, ptrdiff_t n_stride,
                              const int32_t *k_index, int k, int n0, int n);

/* A micro-kernel with the tile shape and the packing it expects: never mixed. */
struct vis_gemm {
    int mr, nr;
    int narrow_mr;    /* rows that suit tiles of at most nr / 2 columns best, <= mr */
    const char *name; /* such as "14x32" */
    vis_gemm_pack_fn *pack;
    vis_gemm_tile_fn *tile;
};

/* Epilogue of one row after somebody else's gemm, like that of vis_gemm_tile:
 *   c[j] = act(c[j] + bias[j] + residual[j])     j < n
 * bias or residual NULL: none. */
struct vis_epilogue {
    const float *bias, *residual, *slope;
    int residual_n;
    enum vis_act act;
};
typedef void vis_epilogue_fn(float *c, int n, const struct vis_epilogue *e);

/* One row of a depthwise convolution over [.. W C]: for each of `w` output pixels and each channel
 *   dst[x * dst_step + ch] = bias[ch] + sum over tap of
 *                            src[x * src_step + tap_offset[tap] + ch] * weight[tap * step + ch]
 * one chain that starts at the bias and takes the taps in order (fused multiply-add at the SIMD
 * levels). weight [taps][step] and bias [step] are 64-byte aligned, step = c rounded up to
 * VIS_DEPTHWISE_BLOCK; what lies beyond c in them is not used. */
enum { VIS_DEPTHWISE_BLOCK = 16 };
typedef void vis_depthwise_fn(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                              const ptrdiff_t *tap_offset, int taps, const float *weight,
                              const float *bias, int w, int c);

/* One row of a max pool over [.. W C]: for each of `w` output pixels and each channel
 *   dst[x * dst_step + ch] = max over tap of src[x * src_step + tap_offset[tap] + ch]
 * Steps and offsets in floats. A NaN in the window gives NaN, as in PyTorch. */
typedef void vis_maxpool_fn(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                            const ptrdiff_t *tap_offset, int taps, int w, int c);

/* One step of a PyTorch GRU for one sequence; `units` hidden units, gate order r, z, n:
 *   r = sigmoid(x[0 .. units) + W_r h + b_r)        z = sigmoid(x[units ..) + W_z h + b_z)
 *   n = tanh(x[2 units ..) + r * (W_n h + b_n))     h_out = (1 - z) * n + z * h
 * x     [3 units]: the input's share of the gates, input bias included
 * w     recurrent weights packed by gru_pack, 64-byte aligned
 * bias  [3 units]: the recurrent bias
 * h, h_out  [units], not overlapping. */
typedef void vis_gru_step_fn(float *h_out, const float *h, const float *x, const float *w,
                             const float *bias, int units);
/* Packs PyTorch's weight_hh [3 units][units] into vis_gru_packed_floats(units) floats. The layout
 * belongs to the level's step kernel. Units beyond the last whole vector are padded by zeros. */
typedef void vis_gru_pack_fn(float *dst, const float *src, int units);

/* One step of the GRU of Cho et al. 2014, "Learning Phrase Representations using RNN
 * Encoder-Decoder", as Keras 2.0 has it: the reset gate acts before the recurrent product, gates
 * in the order z, r, n, hard sigmoids s(v) = clip(0.2 v + 0.5, 0, 1).
 *   z = s(x[0 .. units) + W_z h)                    r = s(x[units ..) + W_r h)
 *   n = tanh(x[2 units ..) + W_n (r * h))           h_out = z * h + (1 - z) * n
 * x      [3 units]: the input's share of the gates, bias included
 * w      recurrent weights packed by gru_before_pack, 64-byte aligned
 * reset  [units]: room for r * h, overwritten
 * h, h_out  [units]; none of the four overlap. */
typedef void vis_gru_before_step_fn(float *h_out, const float *h, const float *x, const float *w,
                                    float *reset, int units);
/* gru_before_pack is a vis_gru_pack_fn too; it takes Keras's recurrent_kernel [units][3 units]
 * and fills as many floats. */

/* y = softmax(x) or log_softmax(x) of one row of n >= 1; in place. */
typedef void vis_row_fn(float *dst, const float *src, int n);

/* Attention of one query on n keys and values that lie anywhere in memory: those of the positions
 * of one hypothesis (Vaswani et al. 2017, "Attention Is All You Need", equation 1, one head; the
 * scale is in the query already).
 *   weight[j] = softmax over j of the sum over c of q[c] * rows[j][key + c]    j < n, c < width
 *   dst[c] = sum over j in order of weight[j] * rows[j][value + c]
 * n and width >= 1; weight is room that is overwritten. */
struct vis_attend {
    float *dst;               /* [width] */
    const float *q;           /* [width] */
    const float *const *rows; /* [n] */
    ptrdiff_t key, value;     /* where in a row the key and the value begin, in floats */
    int n, width;
    float *weight; /* [n] */
};
typedef void vis_attend_fn(const struct vis_attend *attend);

/* dst[i] = f(src[i]), i < n; in place. exp-based maps are within 4 ulp of the exact value, also
 * near zero; results below the normal numbers may become 0. */
typedef void vis_map_fn(float *dst, const float *src, size_t n);

/* swish, gelu and gelu_tanh are maps too, within 8 + 3 |z| ulp of the exact value, z being the
 * exponent of the e^z in them: x, x^2 / 2, x (VIS_GELU_TANH_1 + VIS_GELU_TANH_3 x^2). */

/* dst[i] = a[i] + b[i]; in place with either. */
typedef void vis_binary_fn(float *dst, const float *a, const float *b, size_t n);

/* Copies [rows][n] to [n][rows]-like targets: dst[i * dst_step] = src[i * src_step], i < n. */
typedef void vis_copy_fn(float *dst, ptrdiff_t dst_step, const float *src, ptrdiff_t src_step,
                         size_t n);

/* Three planes to pixels of three channels: dst[3 * i + ch] = src[ch * plane_step + i], i < n. */
typedef void vis_interleave3_fn(float *dst, const float *src, ptrdiff_t plane_step, size_t n);

struct vis_kernels {
    enum vis_cpu cpu; /* the level it was filled for */
    struct vis_gemm gemm_f32;
    vis_epilogue_fn *epilogue_f32;
    vis_depthwise_fn *depthwise_f32;
    vis_maxpool_fn *maxpool_f32;
    vis_gru_pack_fn *gru_pack_f32;
    vis_gru_step_fn *gru_step_f32;
    vis_gru_pack_fn *gru_before_pack_f32;
    vis_gru_before_step_fn *gru_before_step_f32;
    vis_row_fn *softmax_f32, *log_softmax_f32;
    vis_attend_fn *attend_f32;
    vis_map_fn *relu_f32, *sigmoid_f32, *tanh_f32;
    vis_map_fn *swish_f32, *gelu_f32, *gelu_tanh_f32;
    vis_binary_fn *add_f32;
    vis_copy_fn *copy_f32;
    vis_interleave3_fn *interleave3_f32;
};

/* Floats of packed GRU weights, the same at every level: 3 gates x units rounded up to 16 x
 * units. */
size_t vis_gru_packed_floats(int units);

/* The map of an activation; NULL for VIS_ACT_NONE and for VIS_ACT_PRELU, which is none. */
vis_map_fn *vis_act_map(const struct vis_kernels *k, enum vis_act act);

/* Fills the table with plain C, then overrides it level by level up to `cpu`. The caller has
 * checked cpu <= vis_cpu_best(). */
void vis_kernels_init(struct vis_kernels *k, enum vis_cpu cpu);

/* The best level that the CPU, the operating system (XGETBV) and this build support. */
enum vis_cpu vis_cpu_best(void);

/* "c", "avx2", "avx512"; and back, 0 for an unknown name. */
const char *vis_cpu_name(enum vis_cpu cpu);
enum vis_cpu vis_cpu_from_name(const char *name);

#endif
