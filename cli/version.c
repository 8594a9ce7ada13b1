/* viseme version: what this program is and what it was built with. */
#include <stddef.h>
#include <stdio.h>

#include <expat.h>
#include <zlib.h>

#if VIS_FFMPEG
#include <libavcodec/version.h>
#include <libavformat/version.h>
#include <libavutil/avutil.h>
#endif

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/json_line.h"
#include "cli/report.h"
#include "io/plot.h"

#ifndef VIS_COMMIT
#define VIS_COMMIT "unknown"
#endif

static const char licence[] =
#if VIS_FFMPEG
    "the source is MIT; a binary linked with Debian's FFmpeg libraries is distributed under the "
    "GPL";
#else
    "MIT";
#endif

struct settings {
    int json;
};

static const struct vis_option options[] = {{0, "json", NULL, "as one JSON object", VIS_ARG_FLAG,
                                             offsetof(struct settings, json), 0, 0, NULL},
                                            {0}};

/* "FFmpeg 5.1 (libavformat 59.27.100, libavcodec 59.37.100)", or NULL without it. */
static const char *ffmpeg_version(char *to, size_t size)
{
#if VIS_FFMPEG
    snprintf(to, size, "%s (libavformat %d.%d.%d, libavcodec %d.%d.%d)", av_version_info(),
             LIBAVFORMAT_VERSION_MAJOR, LIBAVFORMAT_VERSION_MINOR, LIBAVFORMAT_VERSION_MICRO,
             LIBAVCODEC_VERSION_MAJOR, LIBAVCODEC_VERSION_MINOR, LIBAVCODEC_VERSION_MICRO);
    return to;
#else
    (void)to;
    (void)size;
    return NULL;
#endif
}

json_t *vis_versions_json(void)
{
    char ffmpeg[160];
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:b}", "viseme", viseme_version(),
                     "commit", VIS_COMMIT, "ffmpeg",
                     vis_json_text(ffmpeg_version(ffmpeg, sizeof ffmpeg)), "cairo",
                     vis_json_text(vis_plot_version()), "jansson", JANSSON_VERSION, "expat",
                     XML_ExpatVersion(), "zlib", zlibVersion(), "blas", VIS_BLAS);
}

static viseme_status print_json(const char *ffmpeg, viseme_error *err)
{
    json_t *levels = json_array();
    for (int level = VISEME_CPU_C; levels && level <= (int)viseme_cpu_best(); level++)
        json_array_append_new(levels, json_string(viseme_cpu_name((viseme_cpu)level)));
    return vis_json_write(
        stdout,
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:b, s:s}", "schema", VIS_JSON_SCHEMA,
                  "status", "ok", "version", viseme_version(), "commit", VIS_COMMIT, "cpu_levels",
                  levels, "cpu_best", viseme_cpu_name(viseme_cpu_best()), "ffmpeg",
                  vis_json_text(ffmpeg), "cairo", vis_json_text(vis_plot_version()), "blas",
                  VIS_BLAS, "licence", licence),
        err);
}

static void print_text(const char *ffmpeg)
{
    printf("viseme %s (%s)\nCPU levels:", viseme_version(), VIS_COMMIT);
    for (int level = VISEME_CPU_C; level <= (int)viseme_cpu_best(); level++)
        printf(" %s", viseme_cpu_name((viseme_cpu)level));
    printf("; best here: %s\n", viseme_cpu_name(viseme_cpu_best()));
    printf("built with FFmpeg: %s\n", ffmpeg ? ffmpeg : "no (PNG frames only)");
    printf("built with cairo: %s\n", vis_plot_version() ? vis_plot_version() : "no (no plots)");
    printf("built with OpenBLAS: %s\n", VIS_BLAS ? "yes" : "no");
    printf("licence: %s\n", licence);
}

static int run(const struct vis_command *self, int argc, char **argv)
{
    struct settings set = {0};
    struct vis_arg_list operands;
    viseme_error err;
    char ffmpeg[160];
    int help, code = VIS_EXIT_DONE;
    if (vis_args_parse(self, argc, argv, &set, &operands, &help, &err) != VISEME_OK)
        code = vis_exit_with(&err);
    else if (help)
        vis_args_help(stdout, self);
    else if (!set.json)
        print_text(ffmpeg_version(ffmpeg, sizeof ffmpeg));
    else if (print_json(ffmpeg_version(ffmpeg, sizeof ffmpeg), &err) != VISEME_OK)
        code = vis_exit_with(&err);
    vis_args_free(self, &set, &operands);
    return code;
}

const struct vis_command vis_cmd_version = {
    "version", "", "Print the version and what it was built with", NULL, options, 0, 0, run};
