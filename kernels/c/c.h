/* The plain C kernels; contracts in kernels.h. Private to kernels/. */
#ifndef VIS_KERNELS_C_H
#define VIS_KERNELS_C_H

#include "kernels/kernels.h"

/* Swish or a GELU of x. */
float vis_smooth_c(float x, enum vis_act act);

/* slope: only for VIS_ACT_PRELU. */
static inline float activate(float x, enum vis_act act, float slope)
{
    if (act > VIS_ACT_PRELU)
        return vis_smooth_c(x, act);
    return act != VIS_ACT_NONE && x < 0.0f ? (act == VIS_ACT_RELU ? 0.0f : slope * x) : x;
}

vis_gemm_tile_fn vis_gemm_f32_4x16_c;
vis_gemm_pack_fn vis_gemm_pack_f32_16_c, vis_gemm_pack_f32_32_c; /* nr = 16, 32 */
vis_epilogue_fn vis_epilogue_f32_c;
vis_depthwise_fn vis_depthwise_f32_c;
vis_maxpool_fn vis_maxpool_f32_c;
vis_gru_pack_fn vis_gru_pack_f32_c;
vis_gru_step_fn vis_gru_step_f32_c;
vis_gru_pack_fn vis_gru_before_pack_f32_c;
vis_gru_before_step_fn vis_gru_before_step_f32_c;
vis_row_fn vis_softmax_f32_c, vis_log_softmax_f32_c;
vis_attend_fn vis_attend_f32_c;
vis_map_fn vis_relu_f32_c, vis_sigmoid_f32_c, vis_tanh_f32_c;
vis_map_fn vis_swish_f32_c, vis_gelu_f32_c, vis_gelu_tanh_f32_c;
vis_binary_fn vis_add_f32_c;
vis_copy_fn vis_copy_f32_c;
vis_interleave3_fn vis_interleave3_f32_c;

#endif
