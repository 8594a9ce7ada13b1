/* The ffmpeg program, as a maker of videos and as somebody to compare with. A failure fails the
 * running cmocka test. Arguments hold nothing that a shell would mind. */
#ifndef TESTS_SUPPORT_FFMPEG_PROGRAM_H
#define TESTS_SUPPORT_FFMPEG_PROGRAM_H

/* Whether it is installed. */
int have_ffmpeg(void);
/* Makes the file `name` in the scratch folder and gives its path. */
const char *make_video(const char *name, const char *arguments);
/* Every pixel of every frame of our reader is what ffmpeg makes of it in BGR24, through `filter`
 * unless that is NULL; times do not go back. Returns the number of frames. */
int compare_with_ffmpeg(const char *path, const char *filter);

#endif
