/* dub --check: LSE-D and LSE-C of the input's pictures and of the dubbed ones, both with the
 * speech, as `viseme score` measures them. */
#ifndef VIS_CLI_DUB_CHECK_H
#define VIS_CLI_DUB_CHECK_H

#include "cli/dub.h"

/* Looks for what sync is checked with: job->sync_path, a network that LSE comes from, and
 * job->judge_path, a SyncNet_color; --sync-model names either. Opens them. *told as elsewhere.
 * Returns VISEME_OK, also where there is neither, which is said. */
viseme_status vis_dub_check_load(struct vis_dub_job *job, int *told, viseme_error *err);

/* Measures, once the output is written. done->score is filled where a face is seen. Returns
 * VISEME_OK, also without job->sync_model, or what reading the files returned. */
viseme_status vis_dub_check_run(const struct vis_dub_job *job, struct vis_dub_done *done,
                                viseme_error *err);

#endif
