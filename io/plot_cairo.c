/* The drawing of io/plot.h. One line of the picture holds up to VIS_PLOT_LINE_SECONDS, from the
 * top: frames, crops, heat map, letters, words, axis. */
#include "io/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo.h>

#include "base/error.h"

/* Large letters: such pictures are mostly seen at half their size. */
enum {
    LEFT = 112, /* of the strips; labels stand there */
    WIDE = 1364,
    RIGHT = 24,
    TOP = 118, /* title and text */
    GAP = 8,
    CELL = 18, /* of the heat map, with letters beside it */
    SMALL_CELL = 3,
    MAX_LABELLED = 40, /* classes; with more of them the cells are small */
    LETTERS = 32,
    WORDS = 58,
    AXIS = 40,
    BETWEEN = 26, /* lines */
    SMALL = 15,   /* sizes of letters */
    PLAIN = 17,
    WORD = 21,
    LARGE = 32
};

#define FONT     "sans-serif"
#define INK      0.10, 0.11, 0.13
#define FAINT    0.45, 0.47, 0.50
#define HELD     0.90, 0.45, 0.05
#define FACE     0.36, 0.95, 0.75
#define AT_ONCE  0.06  /* seconds between a frame and the face drawn on it, at most */
#define MAX_EDGE 16000 /* pixels, within what viseme reads itself */

/* One line of the picture. */
struct line {
    double from_s, to_s, y;
};

struct drawing {
    cairo_t *cr;
    const struct vis_plot *plot;
    double seconds;       /* in a line */
    double end_s;         /* of what is drawn */
    double cell, map;     /* height of a class and of all of them */
    double frames, crops; /* heights of the strips */
    float *prob;          /* [classes] of one row */
    int *shown;           /* [shown_count] the classes that have a row, in order */
    int shown_count;
};

static double x_of(const struct drawing *d, const struct line *line, double seconds)
{
    return LEFT + (seconds - line->from_s) / d->seconds * WIDE;
}

/* ---- Words on the picture ---------------------------------------------------------------- */

enum align { AT_LEFT, CENTRED, AT_RIGHT };

/* Text with its baseline at y, made smaller until it is at most `room` wide (0: any width). */
static void put_text(cairo_t *cr, double x, double y, double size, enum align align, double room,
                     const char *text)
{
    cairo_text_extents_t box;
    cairo_set_font_size(cr, size);
    cairo_text_extents(cr, text, &box);
    if (room > 0 && box.x_advance > room) {
        cairo_set_font_size(cr, size * room / box.x_advance);
        cairo_text_extents(cr, text, &box);
    }
    cairo_move_to(cr, x - (align == CENTRED ? 0.5 : align == AT_RIGHT ? 1 : 0) * box.x_advance, y);
    cairo_show_text(cr, text);
}

/* `text` up to what fits into `room`, with an ellipsis where it was cut. */
static void put_cut(cairo_t *cr, double x, double y, double size, double room, const char *text)
{
    cairo_text_extents_t box;
    char part[512];
    size_t n = strlen(text);
    cairo_set_font_size(cr, size);
    if (n > sizeof part - 4)
        n = sizeof part - 4;
    for (;;) {
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
            n--;
        snprintf(part, sizeof part, "%.*s%s", (int)n, text, text[n] ? "\xE2\x80\xA6" : "");
        cairo_text_extents(cr, part, &box);
        if (box.x_advance <= room || n == 0)
            break;
        n--;
    }
    cairo_move_to(cr, x, y);
    cairo_show_text(cr, part);
}

static void label(const struct drawing *d, double y, const char *text)
{
    cairo_set_source_rgb(d->cr, FAINT);
    put_text(d->cr, LEFT - 12, y, SMALL, AT_RIGHT, LEFT - 16, text);
}

/* ---- Strips ------------------------------------------------------------------------------ */

static void put_picture(cairo_t *cr, const struct vis_strip_picture *p, double x, double y)
{
    int stride = cairo_format_stride_for_width(CAIRO_FORMAT_RGB24, p->width);
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, p->width, p->height);
    unsigned char *pixels = cairo_image_surface_get_data(image);
    if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS && pixels) {
        const uint8_t *src = p->bgr;
        for (int v = 0; v < p->height; v++) {
            unsigned char *row = pixels + (ptrdiff_t)v * stride;
            for (int u = 0; u < p->width; u++, src += 3) {
                uint32_t rgb = (uint32_t)src[2] << 16 | (uint32_t)src[1] << 8 | src[0];
                memcpy(row + 4 * (ptrdiff_t)u, &rgb, 4);
            }
        }
        cairo_surface_mark_dirty(image);
        cairo_set_source_surface(cr, image, x, y);
        cairo_paint(cr);
    }
    cairo_surface_destroy(image);
}

static void rounded(cairo_t *cr, double x, double y, double width, double height)
{
    double r = fmin(4, fmin(width, height) / 2);
    cairo_new_sub_path(cr);
    cairo_arc(cr, x + width - r, y + r, r, -M_PI / 2, 0);
    cairo_arc(cr, x + width - r, y + height - r, r, 0, M_PI / 2);
    cairo_arc(cr, x + r, y + height - r, r, M_PI / 2, M_PI);
    cairo_arc(cr, x + r, y + r, r, M_PI, 1.5 * M_PI);
    cairo_close_path(cr);
}

/* The face found in a frame, and the middle of its mouth. */
static void draw_face(const struct drawing *d, const struct vis_strip_picture *p, double x,
                      double y)
{
    const struct vis_plot_face *face = NULL;
    for (size_t i = 0; i < d->plot->face_count; i++) {
        const struct vis_plot_face *f = &d->plot->faces[i];
        double away = fabs(f->time_s - p->time_s);
        if (away <= AT_ONCE && (!face || away < fabs(face->time_s - p->time_s)))
            face = f;
    }
    if (!face)
        return;
    cairo_save(d->cr);
    cairo_rectangle(d->cr, x, y, p->width, p->height);
    cairo_clip(d->cr);
    cairo_set_source_rgb(d->cr, FACE);
    cairo_set_line_width(d->cr, 2);
    rounded(d->cr, x + face->x * p->width, y + face->y * p->height, face->width * p->width,
            face->height * p->height);
    cairo_stroke(d->cr);
    double mouth_x = x + face->mouth_x * p->width, mouth_y = y + face->mouth_y * p->height;
    cairo_move_to(d->cr, mouth_x - 5, mouth_y);
    cairo_line_to(d->cr, mouth_x + 5, mouth_y);
    cairo_move_to(d->cr, mouth_x, mouth_y - 5);
    cairo_line_to(d->cr, mouth_x, mouth_y + 5);
    cairo_stroke(d->cr);
    cairo_restore(d->cr);
}

/* As many pictures as fit side by side; each cell shows the picture nearest to its middle. */
static void draw_strip(const struct drawing *d, const struct line *line,
                       const struct vis_strip *strip, double y, const char *name)
{
    double end = x_of(d, line, line->to_s), width = 0;
    if (strip->count == 0)
        return;
    label(d, y + strip->height / 2.0 + 5, name);
    for (size_t i = 0; i < strip->count; i++)
        width = fmax(width, strip->pictures[i].width);
    int cells = (int)((end - LEFT + 3) / (width + 3));
    cells = cells < 1 ? 1 : cells;
    double pitch = (end - LEFT) / cells;
    for (int i = 0; i < cells; i++) {
        double x = LEFT + (i + 0.5) * pitch;
        double time = line->from_s + (x - LEFT) / WIDE * d->seconds;
        const struct vis_strip_picture *best = &strip->pictures[0];
        for (size_t k = 1; k < strip->count; k++)
            if (fabs(strip->pictures[k].time_s - time) < fabs(best->time_s - time))
                best = &strip->pictures[k];
        double left = round(x - best->width / 2.0);
        put_picture(d->cr, best, left, y);
        if (strip == d->plot->frames)
            draw_face(d, best, left, y);
        if (best->held) {
            cairo_set_source_rgb(d->cr, HELD);
            cairo_set_line_width(d->cr, 2);
            cairo_rectangle(d->cr, left + 1, y + 1, best->width - 2, best->height - 2);
            cairo_stroke(d->cr);
        }
    }
}

/* ---- Heat map ---------------------------------------------------------------------------- */

static void softmax(const struct drawing *d, int64_t row)
{
    const float *logit = d->plot->logits + row * d->plot->classes;
    double sum = 0, top = logit[0];
    for (int c = 1; c < d->plot->classes; c++)
        top = fmax(top, logit[c]);
    for (int c = 0; c < d->plot->classes; c++)
        sum += exp(logit[c] - top);
    for (int c = 0; c < d->plot->classes; c++)
        d->prob[c] = (float)(exp(logit[c] - top) / sum);
}

/* White, over teal, to a dark blue: even steps of lightness. */
static void set_heat(cairo_t *cr, double p)
{
    static const double stops[][3] = {{0.97, 0.98, 0.99},
                                      {0.70, 0.87, 0.87},
                                      {0.25, 0.65, 0.71},
                                      {0.08, 0.38, 0.60},
                                      {0.05, 0.11, 0.35}};
    double at = fmin(fmax(p, 0), 1) * 4;
    int i = at >= 4 ? 3 : (int)at;
    double f = at - i, rgb[3];
    for (int c = 0; c < 3; c++)
        rgb[c] = stops[i][c] + f * (stops[i + 1][c] - stops[i][c]);
    cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
}

static const char *symbol_name(const char *symbol)
{
    return *symbol == '\0' ? "blank" : strcmp(symbol, " ") == 0 ? "space" : symbol;
}

/* Rows of the logits in the line: first, and one after the last. */
static void rows_of(const struct drawing *d, const struct line *line, int64_t *first, int64_t *end)
{
    const struct vis_plot *p = d->plot;
    *first = (int64_t)ceil((line->from_s - p->start_s) * p->rate - 1e-6);
    *end = (int64_t)ceil((line->to_s - p->start_s) * p->rate - 1e-6);
    *end = *end > p->rows ? p->rows : *end;
}

static double row_x(const struct drawing *d, const struct line *line, int64_t row)
{
    return x_of(d, line, d->plot->start_s + (double)row / d->plot->rate);
}

static void draw_map(const struct drawing *d, const struct line *line, double y)
{
    const struct vis_plot *p = d->plot;
    int64_t first, end;
    rows_of(d, line, &first, &end);
    for (int64_t t = first; t < end; t++) {
        double left = round(row_x(d, line, t)), right = round(row_x(d, line, t + 1));
        softmax(d, t);
        for (int i = 0; i < d->shown_count; i++) {
            set_heat(d->cr, sqrt(d->prob[d->shown[i]]));
            cairo_rectangle(d->cr, left, y + i * d->cell, right - left, d->cell);
            cairo_fill(d->cr);
        }
    }
    cairo_set_source_rgba(d->cr, 1, 1, 1, 0.8); /* between the classes */
    cairo_set_line_width(d->cr, 1);
    for (int i = 1; i < d->shown_count && d->cell >= CELL; i++) {
        cairo_move_to(d->cr, LEFT, y + i * d->cell - 0.5);
        cairo_line_to(d->cr, row_x(d, line, end), y + i * d->cell - 0.5);
        cairo_stroke(d->cr);
    }
    for (int i = 0; i < d->shown_count && d->cell >= CELL; i++) {
        cairo_set_source_rgb(d->cr, INK);
        put_text(d->cr, LEFT - 12, y + (i + 1) * d->cell - 4, SMALL, AT_RIGHT, LEFT - 16,
                 symbol_name(p->vocab[d->shown[i]]));
    }
    if (d->cell < CELL)
        label(d, y + d->map / 2, "classes");
}

/* Where words begin and end, from the map down to their names. */
static void draw_guides(const struct drawing *d, const struct line *line, double top, double bottom)
{
    static const double dash[] = {3, 4};
    cairo_save(d->cr);
    cairo_set_source_rgba(d->cr, FAINT, 0.7);
    cairo_set_line_width(d->cr, 1);
    cairo_set_dash(d->cr, dash, 2, 0);
    for (size_t i = 0; i < 2 * d->plot->word_count; i++) {
        const viseme_word *w = &d->plot->words[i / 2];
        double time = i % 2 ? w->end_s : w->start_s;
        if (time < line->from_s - 1e-6 || time > line->to_s + 1e-6)
            continue;
        double x = floor(x_of(d, line, time)) + 0.5;
        cairo_move_to(d->cr, x, top);
        cairo_line_to(d->cr, x, bottom);
        cairo_stroke(d->cr);
    }
    cairo_restore(d->cr);
}

static int best_class(const struct vis_plot *p, int64_t row)
{
    int best = 0;
    for (int c = 1; c < p->classes; c++)
        if (p->logits[row * p->classes + c] > p->logits[row * p->classes + best])
            best = c;
    return best;
}

/* The best class of each frame, repeats drawn once over all of them. */
static void draw_letters(const struct drawing *d, const struct line *line, double y)
{
    const struct vis_plot *p = d->plot;
    int64_t first, end;
    /* One size for all, as large as a row of the logits is wide. */
    double size = fmax(10, fmin(PLAIN, WIDE / (d->seconds * p->rate)));
    rows_of(d, line, &first, &end);
    label(d, y + LETTERS - 11, "best path");
    for (int64_t t = first, from = first; t < end; t++) {
        int c = best_class(p, t);
        if (t + 1 < end && best_class(p, t + 1) == c)
            continue;
        const char *symbol = p->vocab[c];
        double left = row_x(d, line, from), right = row_x(d, line, t + 1);
        from = t + 1;
        if (*symbol == '\0')
            continue;
        cairo_set_source_rgb(d->cr, 0.90, 0.93, 0.95);
        rounded(d->cr, left + 0.5, y + 3, right - left - 1, LETTERS - 8);
        cairo_fill(d->cr);
        cairo_set_source_rgb(d->cr, INK);
        put_text(d->cr, (left + right) / 2, y + LETTERS - 11, size, CENTRED, 0,
                 strcmp(symbol, " ") == 0 ? "\xE2\x90\xA3" : symbol);
    }
}

/* ---- Words ------------------------------------------------------------------------------- */

/* The worse, the redder. */
static void set_confidence(cairo_t *cr, double confidence)
{
    double good = fmin(fmax((confidence - 0.5) / 0.45, 0), 1);
    cairo_set_source_rgb(cr, 0.96 - 0.20 * good, 0.80 + 0.10 * good, 0.76 + 0.06 * good);
}

static void draw_words(const struct drawing *d, const struct line *line, double y)
{
    const struct vis_plot *p = d->plot;
    char number[16];
    if (p->word_count > 0)
        label(d, y + 21, "words");
    for (size_t i = 0; i < p->word_count; i++) {
        const viseme_word *w = &p->words[i];
        double from = fmax(w->start_s, line->from_s), to = fmin(w->end_s, line->to_s);
        if (to - from < 1e-6)
            continue;
        double left = x_of(d, line, from), right = x_of(d, line, to), room = right - left - 3;
        set_confidence(d->cr, w->confidence);
        rounded(d->cr, left + 0.5, y, right - left - 1, 31);
        cairo_fill(d->cr);
        cairo_set_source_rgb(d->cr, INK);
        put_text(d->cr, (left + right) / 2, y + 23, WORD, CENTRED, room, w->text);
        snprintf(number, sizeof number, "%.2f", w->confidence);
        cairo_set_source_rgb(d->cr, FAINT);
        put_text(d->cr, (left + right) / 2, y + 49, SMALL, CENTRED, fmax(room, 30), number);
    }
}

static void draw_axis(const struct drawing *d, const struct line *line, double y)
{
    double step = d->seconds > 4 ? 0.5 : d->seconds > 1.5 ? 0.2 : 0.1;
    char number[32];
    cairo_set_source_rgb(d->cr, FAINT);
    cairo_set_line_width(d->cr, 1);
    cairo_move_to(d->cr, LEFT, y + 0.5);
    cairo_line_to(d->cr, x_of(d, line, line->to_s), y + 0.5);
    cairo_stroke(d->cr);
    /* Plus zero, or ceil() may give a -0 that shows. */
    for (double i = ceil(line->from_s / step - 1e-6) + 0.0; i * step <= line->to_s + 1e-6; i++) {
        double x = floor(x_of(d, line, i * step)) + 0.5;
        cairo_move_to(d->cr, x, y);
        cairo_line_to(d->cr, x, y + 5);
        cairo_stroke(d->cr);
        snprintf(number, sizeof number, "%.1f", i * step);
        put_text(d->cr, x, y + 22, SMALL, CENTRED, 0, number);
    }
    put_text(d->cr, LEFT - 24, y + 22, SMALL, AT_RIGHT, 0, "seconds");
}

/* ---- All of it --------------------------------------------------------------------------- */

static double line_height(const struct drawing *d)
{
    return d->frames + d->crops + d->map + GAP + LETTERS + WORDS + AXIS;
}

static void draw_line(const struct drawing *d, const struct line *line)
{
    double y = line->y, words = y + d->frames + d->crops + d->map + GAP + LETTERS;
    draw_strip(d, line, d->plot->frames, y, "frames");
    y += d->frames;
    draw_strip(d, line, d->plot->crops, y, "crops");
    y += d->crops;
    draw_map(d, line, y);
    draw_guides(d, line, y, words);
    y += d->map + GAP;
    draw_letters(d, line, y);
    y += LETTERS;
    draw_words(d, line, y);
    y += WORDS;
    draw_axis(d, line, y);
}

/* What the colours of the heat map mean. */
static void draw_legend(const struct drawing *d)
{
    enum { BAR = 180, HIGH = 12 };
    static const char *const marks[] = {"0", "0.25", "1"};
    double left = LEFT + WIDE - BAR, y = 62;
    for (int x = 0; x < BAR; x++) {
        set_heat(d->cr, (x + 0.5) / BAR);
        cairo_rectangle(d->cr, left + x, y, 1, HIGH);
        cairo_fill(d->cr);
    }
    cairo_set_source_rgb(d->cr, FAINT);
    put_text(d->cr, left - 16, y + HIGH - 1, SMALL, AT_RIGHT, 0, "probability");
    for (int i = 0; i < 3; i++) /* the bar is even in its square root */
        put_text(d->cr, left + i * BAR / 2.0, y + HIGH + 18, SMALL, CENTRED, 0, marks[i]);
}

static void draw_head(const struct drawing *d)
{
    const struct vis_plot *p = d->plot;
    cairo_set_source_rgb(d->cr, FAINT);
    put_cut(d->cr, LEFT, 32, PLAIN, WIDE, p->title);
    cairo_set_source_rgb(d->cr, INK);
    cairo_select_font_face(d->cr, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    put_cut(d->cr, LEFT, 72, LARGE, WIDE - 330, p->text && *p->text ? p->text : "(nothing read)");
    cairo_select_font_face(d->cr, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_source_rgb(d->cr, FAINT);
    if (p->note)
        put_cut(d->cr, LEFT, 100, PLAIN, WIDE - 250, p->note);
    draw_legend(d);
}

static cairo_status_t write_bytes(void *stream, const unsigned char *bytes, unsigned size)
{
    return fwrite(bytes, 1, size, stream) == size ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* Which classes have a row: the blank, and what is seen at all in what is drawn. */
static void choose_classes(struct drawing *d)
{
    const struct vis_plot *p = d->plot;
    int64_t rows = (int64_t)ceil(fmin((double)p->rows, VIS_PLOT_SECONDS * p->rate));
    for (int c = 0; c < p->classes; c++)
        d->shown[c] = *p->vocab[c] == '\0';
    for (int64_t t = 0; t < rows; t++) {
        softmax(d, t);
        for (int c = 0; c < p->classes; c++)
            d->shown[c] |= d->prob[c] >= VIS_PLOT_SHOWN;
    }
    for (int c = 0; c < p->classes; c++) /* never ahead of what it reads */
        if (d->shown[c])
            d->shown[d->shown_count++] = c;
}

/* Sizes of everything; returns the number of lines. */
static int lay_out(struct drawing *d)
{
    const struct vis_plot *p = d->plot;
    double length = fmin((double)p->rows / p->rate, VIS_PLOT_SECONDS);
    double one_frame = 1 / p->rate;
    d->seconds = fmax(fmin(length, VIS_PLOT_LINE_SECONDS), one_frame);
    d->end_s = p->start_s + fmax(length, one_frame);
    d->cell = d->shown_count <= MAX_LABELLED ? CELL : SMALL_CELL;
    d->map = d->cell * d->shown_count;
    d->frames = p->frames->count ? p->frames->height + GAP : 0;
    d->crops = p->crops->count ? p->crops->height + GAP : 0;
    return (int)ceil((d->end_s - p->start_s) / d->seconds - 1e-6);
}

static viseme_status save(cairo_surface_t *surface, cairo_t *cr, FILE *to, const char *name,
                          viseme_error *err)
{
    cairo_status_t status = cairo_status(cr);
    cairo_surface_flush(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_write_to_png_stream(surface, write_bytes, to);
    if (status == CAIRO_STATUS_SUCCESS || ferror(to))
        return VISEME_OK; /* a failed write is the owner's to report */
    return vis_fail(err, status == CAIRO_STATUS_NO_MEMORY ? VISEME_ERR_NOMEM : VISEME_ERR_INTERNAL,
                    "%s: cannot be drawn (%s)", name, cairo_status_to_string(status));
}

viseme_status vis_plot_write(FILE *to, const struct vis_plot *plot, const char *name,
                             viseme_error *err)
{
    struct drawing d = {.plot = plot};
    cairo_surface_t *surface = NULL;
    viseme_status status = VISEME_OK;
    d.prob = malloc((size_t)plot->classes * sizeof *d.prob);
    d.shown = malloc((size_t)plot->classes * sizeof *d.shown);
    if (!d.prob || !d.shown) {
        status = vis_fail_nomem(err, (size_t)plot->classes * sizeof *d.prob);
        goto done;
    }
    choose_classes(&d);
    int lines = lay_out(&d), most = (int)((MAX_EDGE - TOP) / (line_height(&d) + BETWEEN));
    lines = lines > most ? most : lines;
    if (lines < 1) {
        status = vis_fail(err, VISEME_ERR_ARGUMENT, "%s: %d classes are too many to draw", name,
                          d.shown_count);
        goto done;
    }
    double height = TOP + lines * (line_height(&d) + BETWEEN);
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, LEFT + WIDE + RIGHT, (int)height);
    d.cr = cairo_create(surface);
    cairo_set_source_rgb(d.cr, 1, 1, 1);
    cairo_paint(d.cr);
    cairo_select_font_face(d.cr, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    draw_head(&d);
    for (int i = 0; i < lines; i++) {
        struct line line = {.from_s = plot->start_s + i * d.seconds,
                            .y = TOP + i * (line_height(&d) + BETWEEN)};
        line.to_s = fmin(line.from_s + d.seconds, d.end_s);
        draw_line(&d, &line);
    }
    status = save(surface, d.cr, to, name, err);
done:
    free(d.prob);
    free(d.shown);
    cairo_destroy(d.cr);
    cairo_surface_destroy(surface);
    return status;
}

const char *vis_plot_version(void)
{
    return cairo_version_string();
}
