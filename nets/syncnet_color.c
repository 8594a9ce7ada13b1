/* SyncNet_color, Wav2Lip's expert: a piece of sound and five lower halves of faces -> two vectors
 * of length 1, whose product says whether they belong together.
 * Source: Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the
 * Wild", 2020, in the layout of the authors' models/syncnet.py: the channels of the face are B, G,
 * R of frame 0, then of frame 1 ..., / 255. */
#include "nets/nets.h"
#include "nets/wav2lip_blocks.h"

enum { STAGES = 7, SIZE = VIS_WAV2LIP_SIZE, FRAMES = 5 };

static vis_val encode_face(struct vis_graph *g, vis_val x)
{
    static const struct vis_wav2lip_stage stages[STAGES + 1] = {
        {7, 1, 1, 3, 0}, /* 48 x 96 */
        {5, 1, 2, 1, 0}, /* 46 x 47 */
        {3, 2, 2, 1, 0}, /* 23 x 24 */
        {3, 2, 2, 1, 0}, /* 12 x 12 */
        {3, 2, 2, 1, 0}, /* 6 x 6 */
        {3, 2, 2, 1, 0}, /* 3 x 3 */
        {3, 1, 1, 0, 0}, /* 1 x 1 */
        {1, 1, 1, 0, 0},
    };
    int channels[STAGES] = {32, 64, 128, 256, 512, 512, 512};
    int residuals[STAGES - 1] = {0, 2, 3, 2, 2, 0}, at = 0;
    vis_config_ints(g, "face_widths", channels, STAGES, 1, VIS_WAV2LIP_MAX_CHANNELS);
    vis_config_ints(g, "face_residuals", residuals, STAGES - 1, 0, VIS_WAV2LIP_MAX_RESIDUALS);
    for (int i = 0; i <= STAGES; i++) {
        struct vis_wav2lip_stage stage = stages[i];
        stage.residuals = i < STAGES - 1 ? residuals[i] : 0;
        x = vis_wav2lip_stage(g, x, "face_encoder", &at, channels[i < STAGES ? i : STAGES - 1],
                              &stage);
    }
    return x;
}

static void build(struct vis_graph *g)
{
    static const int audio_residuals[4] = {2, 2, 2, 2};
    const int sound[VIS_AXES] = {
        [VIS_T] = 1, [VIS_H] = VIS_WAV2LIP_MELS, [VIS_W] = VIS_WAV2LIP_STEPS, [VIS_C] = 1};
    int size = vis_config_int(g, "input_size", SIZE, SIZE, SIZE);
    const int halves[VIS_AXES] = {
        [VIS_T] = 1, [VIS_H] = size / 2, [VIS_W] = size, [VIS_C] = 3 * FRAMES};
    vis_val audio = vis_input(g, "audio", "NCHW", sound);
    vis_val face = vis_input(g, "face", "NCHW", halves);
    audio = vis_wav2lip_audio(g, audio, "audio_encoder", audio_residuals);
    face = encode_face(g, face);
    if (g->status != VISEME_OK)
        return;
    const int width[2] = {vis_graph_value(g, face)->dim[VIS_C],
                          vis_graph_value(g, audio)->dim[VIS_C]};
    if (width[0] != width[1])
        vis_graph_fail(g, VISEME_ERR_MODEL,
                       "the vectors of face and audio have %d and %d elements and cannot be "
                       "compared: the last face_widths and audio_widths of viseme.config differ",
                       width[0], width[1]);
    vis_output(g, "audio_embedding", "NC", vis_l2_normalize(g, audio));
    vis_output(g, "face_embedding", "NC", vis_l2_normalize(g, face));
}

const struct vis_net vis_net_syncnet_color = {.name = "syncnet_color", .build = build};
