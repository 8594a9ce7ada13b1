/* The x86 kernels; contracts in kernels.h. Private to kernels/. */
#ifndef VIS_KERNELS_X86_H
#define VIS_KERNELS_X86_H

#include "kernels/kernels.h"

vis_gemm_tile_fn vis_gemm_f32_6x16_avx2, vis_gemm_f32_14x32_avx512;
vis_gemm_pack_fn vis_gemm_pack_f32_32_avx512;
vis_epilogue_fn vis_epilogue_f32_avx2, vis_epilogue_f32_avx512;
vis_depthwise_fn vis_depthwise_f32_avx2, vis_depthwise_f32_avx512;
vis_maxpool_fn vis_maxpool_f32_avx2, vis_maxpool_f32_avx512;
vis_gru_step_fn vis_gru_step_f32_avx2, vis_gru_step_f32_avx512;
vis_gru_before_step_fn vis_gru_before_step_f32_avx2, vis_gru_before_step_f32_avx512;
vis_row_fn vis_softmax_f32_avx2, vis_softmax_f32_avx512;
vis_row_fn vis_log_softmax_f32_avx2, vis_log_softmax_f32_avx512;
vis_attend_fn vis_attend_f32_avx2, vis_attend_f32_avx512;
vis_map_fn vis_relu_f32_avx2, vis_relu_f32_avx512;
vis_map_fn vis_sigmoid_f32_avx2, vis_sigmoid_f32_avx512;
vis_map_fn vis_tanh_f32_avx2, vis_tanh_f32_avx512;
vis_map_fn vis_swish_f32_avx2, vis_swish_f32_avx512;
vis_map_fn vis_gelu_f32_avx2, vis_gelu_f32_avx512;
vis_map_fn vis_gelu_tanh_f32_avx2, vis_gelu_tanh_f32_avx512;
vis_binary_fn vis_add_f32_avx2, vis_add_f32_avx512;
vis_interleave3_fn vis_interleave3_f32_avx512;

/* Swish or a GELU over n floats in place; nothing for other activations. */
typedef void vis_smooth_fn(float *x, int n, enum vis_act act);
vis_smooth_fn vis_smooth_f32_avx2, vis_smooth_f32_avx512;

#endif
