#include "tests/support/ffmpeg_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/frames_check.h"
#include "tests/support/scratch.h"

int have_ffmpeg(void)
{
    return system("command -v ffmpeg >/dev/null 2>&1") == 0;
}

const char *make_video(const char *name, const char *arguments)
{
    const char *path = scratch_path(name);
    char command[16384];
    snprintf(command, sizeof command, "ffmpeg -nostdin -v error -y %s '%s'", arguments, path);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
    return path;
}

int compare_with_ffmpeg(const char *path, const char *filter)
{
    struct vis_frames *frames = open_frames(path, 0);
    char command[16384];
    FILE *theirs;
    viseme_image image;
    double t, last = 0;
    int count = 0;
    unsigned char row[4096];

    snprintf(
        command, sizeof command,
        "ffmpeg -nostdin -v error -i '%s' -map 0:v:0 -vsync 0 %s%s -pix_fmt bgr24 -f rawvideo -",
        path, filter ? "-vf " : "", filter ? filter : "");
    theirs = popen(command, "r");
    assert_non_null(theirs);
    while (vis_frames_next(frames, &image, &t, NULL) == VISEME_OK && image.data) {
        size_t bytes = (size_t)image.width * 3;
        assert_true(bytes <= sizeof row);
        assert_true(t >= last);
        last = t;
        for (int y = 0; y < image.height; y++)
            if (fread(row, 1, bytes, theirs) != bytes ||
                memcmp(row, image.data + y * image.stride, bytes) != 0)
                fail_msg("%s: frame %d differs in row %d", path, count, y);
        count++;
    }
    assert_int_equal(getc(theirs), EOF);
    assert_int_equal(pclose(theirs), 0);
    vis_frames_close(frames);
    return count;
}
