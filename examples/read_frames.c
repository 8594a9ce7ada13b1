/* Reads lips from frames that some other program decoded: raw pictures on standard input, B G R,
 * one after the other, such as FFmpeg writes them.
 *
 *   cc read_frames.c $(pkg-config --cflags --libs viseme) -o read_frames
 *   ffmpeg -i talk.mp4 -f rawvideo -pix_fmt bgr24 - |
 *       ./read_frames lipnet.safetensors haarcascade_frontalface_alt2.xml 1280 720 25
 *
 * Prints the words. Exit codes: 0 done, 1 failed, 2 wrong usage. */
#include <stdio.h>
#include <stdlib.h>

#include <viseme.h>

/* The whole of a small file, or NULL. Free with free(). */
static char *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    long end = -1;
    if (f && fseek(f, 0, SEEK_END) == 0)
        end = ftell(f);
    if (end > 0)
        text = malloc((size_t)end);
    if (text) {
        rewind(f);
        *size = fread(text, 1, (size_t)end, f);
    }
    if (f)
        fclose(f);
    return text;
}

/* Pushes every whole picture of standard input. */
static viseme_status push_all(viseme_reader *reader, int width, int height, double rate,
                              viseme_error *err)
{
    size_t size = 3 * (size_t)width * (size_t)height;
    unsigned char *pixels = malloc(size);
    viseme_image frame = {pixels, width, height, 3 * (ptrdiff_t)width, VISEME_BGR24};
    viseme_status status = VISEME_OK;
    if (!pixels) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    for (long n = 0; status == VISEME_OK && fread(pixels, 1, size, stdin) == size; n++)
        status = viseme_reader_push(reader, &frame, (double)n / rate, err);
    free(pixels);
    return status;
}

int main(int argc, char **argv)
{
    viseme_reader_options options = {0};
    viseme_model *model = NULL;
    viseme_reader *reader = NULL;
    viseme_error err;
    if (argc != 6 || atoi(argv[3]) < 1 || atoi(argv[4]) < 1 || !(atof(argv[5]) > 0)) {
        fprintf(stderr, "usage: %s WEIGHTS CASCADE WIDTH HEIGHT FRAMES_A_SECOND <PIXELS\n",
                argv[0]);
        return 2;
    }
    char *cascade = load(argv[2], &options.crop.cascade_bytes);
    if (!cascade) {
        fprintf(stderr, "%s cannot be read\n", argv[2]);
        return 1;
    }
    options.crop.cascade_xml = cascade;

    viseme_status status = viseme_model_open(&model, argv[1], NULL, &err);
    if (status == VISEME_OK)
        status = viseme_reader_open(&reader, model, &options, &err);
    if (status == VISEME_OK)
        status = push_all(reader, atoi(argv[3]), atoi(argv[4]), atof(argv[5]), &err);
    if (status == VISEME_OK)
        status = viseme_reader_finish(reader, &err);
    if (status == VISEME_OK)
        puts(viseme_reader_hypothesis(reader, 0)->text);
    else
        fprintf(stderr, "%s\n", err.message);
    viseme_reader_close(reader);
    viseme_model_close(model);
    free(cascade);
    return status == VISEME_OK ? 0 : 1;
}
