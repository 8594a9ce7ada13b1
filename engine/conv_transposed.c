/* Transposed convolution as one matrix multiplication per phase.
 *
 * With stride s, output position p gets input position i through kernel position k where
 * p + pad = i s + k. So the outputs whose p + pad leaves the same rest by s, a phase, all use the
 * same every s-th positions of the kernel, and are a convolution of their own with stride 1: input
 * rows from one base pointer each, taps at fixed offsets, output rows s apart. No zeros are put
 * between the inputs and none are multiplied.
 *
 * Along an axis of one input position the stride means nothing; taken as long as the kernel, each
 * output there uses the one point of the kernel that touches it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/conv.h"

/* One phase along one axis. */
struct phase_axis {
    int first; /* output position, the others follow `stride` apart */
    int count; /* of output positions */
    int taps;
    int k;     /* kernel position of tap 0; of the others `stride` less each */
    int shift; /* input position of tap 0 for output `first`; the others follow side by side */
};

struct phase {
    struct phase_axis axis[3]; /* T H W */
    int k;                     /* rows of the phase's matrix B: taps * channels */
    int taps, kc;              /* k = taps * kc, see struct conv_state */
    ptrdiff_t *tap_offset;     /* [points] */
};

struct transposed_state {
    struct vis_conv conv; /* its stride as the phases take it */
    struct vis_conv_tensors tensors;
    const struct phases_packed *packed;
    int phase_count;
    struct phase *phases;
    ptrdiff_t offsets[]; /* storage of the phases' tap_offset, then the phases */
};

struct phases_packed {
    int count;
    struct vis_gemm_weights phase[];
};

struct pack_context {
    const viseme_model *model;
    const struct transposed_state *state;
};

static struct phase_axis axis_of(const struct vis_conv *c, int i, int index, int out)
{
    int s = c->stride[i], k = (index + c->pad[i]) % s;
    struct phase_axis a = {.first = index,
                           .count = index < out ? (out - index - 1) / s + 1 : 0,
                           .taps = (c->k[i] - 1 - k) / s + 1};
    a.k = k + s * (a.taps - 1);
    a.shift = (index + c->pad[i] - k) / s - (a.taps - 1);
    return a;
}

static int points(const struct phase *p)
{
    return p->axis[0].taps * p->axis[1].taps * p->axis[2].taps;
}

/* Where element i of the phase's K is in the weights [C out kt kh kw], from the output's own. */
static void fill_index(int32_t *index, const struct phase *p, const struct transposed_state *s)
{
    const int *k = s->conv.k, *stride = s->conv.stride, volume = k[0] * k[1] * k[2];
    const struct phase_axis *a = p->axis;
    int at = 0;
    for (int t = 0; t < a[0].taps; t++)
        for (int h = 0; h < a[1].taps; h++)
            for (int w = 0; w < a[2].taps; w++)
                for (int ch = 0; ch < s->tensors.channels; ch++)
                    index[at++] =
                        ch * s->conv.out * volume +
                        ((a[0].k - t * stride[0]) * k[1] + a[1].k - h * stride[1]) * k[2] + a[2].k -
                        w * stride[2];
}

static void unpack(void *data)
{
    struct phases_packed *packed = data;
    for (int i = 0; i < packed->count; i++)
        vis_gemm_weights_free(&packed->phase[i]);
}

static viseme_status pack(void *data, void *context, size_t *bytes, viseme_error *err)
{
    const struct pack_context *c = context;
    const struct transposed_state *s = c->state;
    struct phases_packed *packed = data;
    struct vis_conv_floats f;
    int volume = s->conv.k[0] * s->conv.k[1] * s->conv.k[2];
    int32_t *index = NULL;
    viseme_status status = vis_conv_floats(&f, &s->tensors, err);
    if (status != VISEME_OK)
        return status;
    status = vis_norm_fold(&s->tensors.norm, f.weight, f.bias, s->tensors.channels, s->conv.out,
                           volume, err);
    for (int i = 0; i < s->phase_count && status == VISEME_OK; i++) {
        const struct phase *p = &s->phases[i];
        free(index);
        index = malloc((size_t)p->k * sizeof *index);
        if (!index) {
            status = vis_fail_nomem(err, (size_t)p->k * sizeof *index);
            break;
        }
        fill_index(index, p, s);
        status =
            vis_gemm_pack(&packed->phase[i], vis_model_kernels(c->model), vis_model_gemm(c->model),
                          f.weight, f.bias, f.slope, volume, index, p->k, s->conv.out, err);
        if (status == VISEME_OK) {
            packed->count++;
            *bytes += packed->phase[i].bytes;
        }
    }
    free(index);
    vis_conv_floats_free(&f);
    if (status != VISEME_OK)
        unpack(packed);
    return status;
}

static viseme_status prepare(struct vis_graph *g, struct vis_node *node, int threads,
                             viseme_error *err)
{
    struct transposed_state *s = node->state;
    const struct vis_value *x = vis_graph_value(g, node->in[0]);
    const struct vis_value *y = vis_graph_value(g, node->out);
    const int *stride = s->conv.stride, channels = s->tensors.channels;
    viseme_gemm gemm = vis_model_gemm(g->model);
    struct pack_context context = {g->model, s};
    const void *packed;
    char key[256];
    for (int i = 0; i < s->phase_count; i++) {
        struct phase *p = &s->phases[i];
        const int taps[3] = {p->axis[0].taps, p->axis[1].taps, p->axis[2].taps};
        double rows = y->dim[VIS_N];
        for (int k = 0; k < 3; k++)
            rows *= p->axis[k].count;
        if (rows > INT_MAX)
            return vis_fail(err, VISEME_ERR_LIMIT,
                            "%s would compute %.0f positions; give the network fewer frames at a "
                            "time",
                            node->name, rows);
        p->k = points(p) * channels;
        p->kc = x->stride[VIS_W] == channels ? taps[2] * channels : channels;
        p->taps = p->k / p->kc;
        vis_conv_taps(p->tap_offset, x, taps, p->taps);
        node->flop += 2 * rows * p->k * s->conv.out;
        size_t scratch = vis_gemm_scratch_floats(gemm, (int)rows, p->k, s->conv.out, threads);
        if (scratch > node->scratch_floats)
            node->scratch_floats = scratch;
    }
    snprintf(key, sizeof key, "transposed %dx%dx%d %s", stride[0], stride[1], stride[2],
             s->tensors.weight[0]->info.name);
    viseme_status status = vis_model_packed(
        g->model, key,
        sizeof(struct phases_packed) + (size_t)s->phase_count * sizeof(struct vis_gemm_weights),
        pack, unpack, &context, &packed, err);
    s->packed = packed;
    snprintf(node->algorithm, sizeof node->algorithm, "%d phases, gemm %s", s->phase_count,
             gemm == VISEME_GEMM_BLAS ? "blas" : vis_model_kernels(g->model)->gemm_f32.name);
    return status;
}

static void run(const struct vis_node *node, const struct vis_run *run)
{
    const struct transposed_state *s = node->state;
    const struct vis_value *x = vis_graph_value(run->graph, node->in[0]);
    const struct vis_value *y = vis_graph_value(run->graph, node->out);
    for (int i = 0; i < s->phase_count; i++) {
        const struct phase *p = &s->phases[i];
        struct vis_gemm_job job = {
            .weights = &s->packed->phase[i],
            .dim = {y->dim[VIS_N]},
            .a = vis_run_data(run, node->in[0]),
            .a_step = {x->stride[VIS_N]},
            .c = vis_run_data(run, node->out),
            .c_step = {y->stride[VIS_N]},
            .taps = p->taps,
            .kc = p->kc,
            .tap_offset = p->tap_offset,
            .a_floats = x->floats,
            .act = s->conv.act,
        };
        if (s->conv.residual)
            vis_conv_residual(&job, run, s->conv.residual);
        for (int k = 0; k < 3; k++) {
            job.dim[1 + k] = p->axis[k].count;
            job.a += p->axis[k].shift * x->stride[VIS_T + k];
            job.a_step[1 + k] = x->stride[VIS_T + k];
            job.c += p->axis[k].first * y->stride[VIS_T + k];
            job.c_step[1 + k] = s->conv.stride[k] * y->stride[VIS_T + k];
            if (job.residual)
                job.residual += p->axis[k].first * job.residual_step[1 + k];
            job.residual_step[1 + k] *= s->conv.stride[k];
        }
        vis_gemm_run(run->kernels, &job, run->threads, run->scratch);
    }
}

static const struct vis_op transposed_op = {
    .kind = "transposed", .prepare = prepare, .run = run, .parts = 1};

/* Fills in what was left 0 and finds the size of the output; 0 after an error of the graph. */
static int settle(struct vis_graph *g, vis_val x, const char *name, struct vis_conv *c,
                  int dim[VIS_AXES])
{
    const struct vis_value *in = vis_graph_value(g, x);
    double elements = (double)c->out * in->dim[VIS_C];
    dim[VIS_N] = in->dim[VIS_N];
    dim[VIS_C] = c->out;
    for (int i = 0; i < 3; i++) {
        c->k[i] = c->k[i] ? c->k[i] : 1;
        c->stride[i] = c->stride[i] ? c->stride[i] : 1;
        elements *= c->k[i];
        double size = (double)(in->dim[VIS_T + i] - 1) * c->stride[i] - 2.0 * c->pad[i] + c->k[i] +
                      c->output_pad[i];
        if (c->k[i] < c->stride[i] || c->pad[i] >= c->k[i] || size < 1 || size > INT_MAX) {
            vis_graph_fail(g, VISEME_ERR_ARGUMENT,
                           "%s: a transposed convolution of %d positions along %c with kernel %d, "
                           "stride %d and padding %d is not possible",
                           name, in->dim[VIS_T + i], "THW"[i], c -> k[i], c -> stride[i],
                           c -> pad[i]);
            return 0;
        }
        dim[VIS_T + i] = (int)size;
        if (in->dim[VIS_T + i] == 1)
            c->stride[i] = c->k[i];
    }
    if (elements > INT32_MAX)
        vis_graph_fail(g, VISEME_ERR_LIMIT, "%s: its kernel has more than 2^31 elements", name);
    return g->status == VISEME_OK;
}

/* The phases that have outputs, into `phases` unless it is NULL; asks for the halo they read.
 * Returns their number, in *taps the points of all kernels together. */
static int list_phases(struct vis_graph *g, vis_val x, const struct vis_conv *c,
                       const int dim[VIS_AXES], struct phase *phases, size_t *taps)
{
    const int *s = c->stride;
    int count = 0, halo[3] = {0, 0, 0};
    *taps = 0;
    for (int i = 0; i < s[0] * s[1] * s[2]; i++) {
        const int index[3] = {i / (s[1] * s[2]), i / s[2] % s[1], i % s[2]};
        struct phase p = {.k = 0};
        int outputs = 1;
        for (int k = 0; k < 3; k++) {
            struct phase_axis *a = &p.axis[k];
            *a = axis_of(c, k, index[k], dim[VIS_T + k]);
            int beyond = a->count + a->shift + a->taps - 1 - vis_graph_value(g, x)->dim[VIS_T + k];
            outputs = outputs && a->count;
            if (a->count && -a->shift > halo[k])
                halo[k] = -a->shift;
            if (a->count && beyond > halo[k])
                halo[k] = beyond;
        }
        if (!outputs)
            continue;
        if (phases)
            phases[count] = p;
        *taps += (size_t)points(&p);
        count++;
    }
    vis_graph_halo(g, x, halo);
    return count;
}

vis_val vis_conv_transposed(struct vis_graph *g, vis_val x, const char *name, struct vis_conv conv)
{
    int dim[VIS_AXES];
    if (g->status != VISEME_OK || !settle(g, x, name, &conv, dim))
        return 0;
    char weight[256], bias[256];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    struct vis_conv_weights weights = {
        .weight = {weight}, .bias = {conv.no_bias ? NULL : bias}, .channels_first = 1};
    if (conv.norm)
        vis_norm_name(&weights.norm, conv.norm, vis_norm_torch, conv.norm_eps);
    struct vis_conv_tensors tensors = {.k = {conv.k[0], conv.k[1], conv.k[2]},
                                       .channels = vis_graph_value(g, x)->dim[VIS_C],
                                       .out = conv.out};
    vis_conv_find(g, &tensors, &weights, &conv);
    struct transposed_state *s;
    size_t taps;
    int count = list_phases(g, x, &conv, dim, NULL, &taps);
    vis_val y = vis_graph_add(
        g, &transposed_op, name, x, conv.residual, dim,
        sizeof *s + taps * sizeof *s->offsets + (size_t)count * sizeof *s->phases, (void **)&s);
    if (!s)
        return y;
    s->conv = conv;
    s->tensors = tensors;
    s->phase_count = count;
    s->phases = (struct phase *)(void *)(s->offsets + taps);
    list_phases(g, x, &conv, dim, s->phases, &taps);
    ptrdiff_t *offset = s->offsets;
    for (int i = 0; i < count; i++, offset += points(&s->phases[i - 1]))
        s->phases[i].tap_offset = offset;
    return y;
}
