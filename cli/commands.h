/* The subcommands: one file each. */
#ifndef VIS_CLI_COMMANDS_H
#define VIS_CLI_COMMANDS_H

#include "cli/args.h"

/* All of them, NULL at the end. */
extern const struct vis_command *const vis_commands[];

extern const struct vis_command vis_cmd_read, vis_cmd_run, vis_cmd_face, vis_cmd_models,
    vis_cmd_eval, vis_cmd_version, vis_cmd_completion, vis_cmd_dub, vis_cmd_say, vis_cmd_sync,
    vis_cmd_score, vis_cmd_speakers;

/* What an option sets where several commands share it; the positions are viseme_cpu - 1 and
 * viseme_gemm. */
extern const char *const vis_cpu_choices[];  /* c, avx2, avx512 */
extern const char *const vis_gemm_choices[]; /* native, blas */

#endif
