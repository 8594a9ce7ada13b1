/* The kernel table of each CPU level: every slot starts as plain C, then each level puts its own
 * kernels over the ones below. */
#include "kernels/c/c.h"
#include "kernels/kernels.h"
#if defined(__x86_64__)
#include "kernels/x86/x86.h"
#endif

static void init_c(struct vis_kernels *k)
{
    k->gemm_f32 = (struct vis_gemm){
        .mr = 4,
        .narrow_mr = 4,
        .nr = 16,
        .name = "4x16",
        .pack = vis_gemm_pack_f32_16_c,
        .tile = vis_gemm_f32_4x16_c,
    };
    k->epilogue_f32 = vis_epilogue_f32_c;
    k->depthwise_f32 = vis_depthwise_f32_c;
    k->maxpool_f32 = vis_maxpool_f32_c;
    k->gru_pack_f32 = vis_gru_pack_f32_c;
    k->gru_step_f32 = vis_gru_step_f32_c;
    k->gru_before_pack_f32 = vis_gru_before_pack_f32_c;
    k->gru_before_step_f32 = vis_gru_before_step_f32_c;
    k->softmax_f32 = vis_softmax_f32_c;
    k->log_softmax_f32 = vis_log_softmax_f32_c;
    k->attend_f32 = vis_attend_f32_c;
    k->relu_f32 = vis_relu_f32_c;
    k->sigmoid_f32 = vis_sigmoid_f32_c;
    k->tanh_f32 = vis_tanh_f32_c;
    k->swish_f32 = vis_swish_f32_c;
    k->gelu_f32 = vis_gelu_f32_c;
    k->gelu_tanh_f32 = vis_gelu_tanh_f32_c;
    k->add_f32 = vis_add_f32_c;
    k->copy_f32 = vis_copy_f32_c;
    k->interleave3_f32 = vis_interleave3_f32_c;
}

#if defined(__x86_64__)
static void init_avx2(struct vis_kernels *k)
{
    k->gemm_f32 = (struct vis_gemm){
        .mr = 6,
        .narrow_mr = 6,
        .nr = 16,
        .name = "6x16",
        .pack = vis_gemm_pack_f32_16_c,
        .tile = vis_gemm_f32_6x16_avx2,
    };
    k->epilogue_f32 = vis_epilogue_f32_avx2;
    k->depthwise_f32 = vis_depthwise_f32_avx2;
    k->maxpool_f32 = vis_maxpool_f32_avx2;
    k->gru_step_f32 = vis_gru_step_f32_avx2;
    k->gru_before_step_f32 = vis_gru_before_step_f32_avx2;
    k->softmax_f32 = vis_softmax_f32_avx2;
    k->log_softmax_f32 = vis_log_softmax_f32_avx2;
    k->attend_f32 = vis_attend_f32_avx2;
    k->relu_f32 = vis_relu_f32_avx2;
    k->sigmoid_f32 = vis_sigmoid_f32_avx2;
    k->tanh_f32 = vis_tanh_f32_avx2;
    k->swish_f32 = vis_swish_f32_avx2;
    k->gelu_f32 = vis_gelu_f32_avx2;
    k->gelu_tanh_f32 = vis_gelu_tanh_f32_avx2;
    k->add_f32 = vis_add_f32_avx2;
}

static void init_avx512(struct vis_kernels *k)
{
    k->gemm_f32 = (struct vis_gemm){
        .mr = 14,
        .narrow_mr = 12,
        .nr = 32,
        .name = "14x32",
        .pack = vis_gemm_pack_f32_32_avx512,
        .tile = vis_gemm_f32_14x32_avx512,
    };
    k->epilogue_f32 = vis_epilogue_f32_avx512;
    k->depthwise_f32 = vis_depthwise_f32_avx512;
    k->maxpool_f32 = vis_maxpool_f32_avx512;
    k->gru_step_f32 = vis_gru_step_f32_avx512;
    k->gru_before_step_f32 = vis_gru_before_step_f32_avx512;
    k->softmax_f32 = vis_softmax_f32_avx512;
    k->log_softmax_f32 = vis_log_softmax_f32_avx512;
    k->attend_f32 = vis_attend_f32_avx512;
    k->relu_f32 = vis_relu_f32_avx512;
    k->sigmoid_f32 = vis_sigmoid_f32_avx512;
    k->tanh_f32 = vis_tanh_f32_avx512;
    k->swish_f32 = vis_swish_f32_avx512;
    k->gelu_f32 = vis_gelu_f32_avx512;
    k->gelu_tanh_f32 = vis_gelu_tanh_f32_avx512;
    k->add_f32 = vis_add_f32_avx512;
    k->interleave3_f32 = vis_interleave3_f32_avx512;
}
#endif

void vis_kernels_init(struct vis_kernels *k, enum vis_cpu cpu)
{
    *k = (struct vis_kernels){.cpu = cpu};
    init_c(k);
#if defined(__x86_64__)
    if (cpu >= VIS_CPU_AVX2)
        init_avx2(k);
    if (cpu >= VIS_CPU_AVX512)
        init_avx512(k);
#endif
}

vis_map_fn *vis_act_map(const struct vis_kernels *k, enum vis_act act)
{
    switch (act) {
    case VIS_ACT_RELU:
        return k->relu_f32;
    case VIS_ACT_SWISH:
        return k->swish_f32;
    case VIS_ACT_GELU:
        return k->gelu_f32;
    case VIS_ACT_GELU_TANH:
        return k->gelu_tanh_f32;
    default:
        return NULL;
    }
}
