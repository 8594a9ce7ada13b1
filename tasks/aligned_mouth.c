#include "tasks/aligned_mouth.h"

#include <math.h>
#include <string.h>

#include "signal/align_robust.h"
#include "signal/gray.h"

enum { STABLE = 8, FIRST_LIP = 48, SIDE = VIS_ALIGNED_SIDE, MAX_FACTOR = 64 };

#define MARGIN 0.3 /* of the crop's width, kept around it: faces turn and move meanwhile */

/* The mean face: iBUG 300-W's 68 points in a frame of 256 x 256 (mpc001/auto_avsr, Apache-2.0). */
static const double mean_face[VIS_FACE_68][2] = {
    {70.923838, 97.137579},   {72.625153, 114.903612},  {75.989418, 131.074025},
    {79.269593, 146.211660},  {83.613489, 163.260207},  {91.331342, 177.445353},
    {100.271692, 187.088557}, {112.124350, 196.003535}, {130.741758, 200.529989},
    {149.855303, 195.311981}, {163.101687, 186.440609}, {173.653342, 176.572502},
    {182.436145, 162.279926}, {187.167386, 145.093920}, {190.229053, 129.724187},
    {193.021185, 113.459234}, {194.438634, 95.579539},  {81.330960, 80.795445},
    {87.759066, 75.279803},   {96.226925, 73.838575},   {104.555243, 74.740294},
    {112.231861, 76.976710},  {144.495764, 76.423875},  {152.347999, 73.833297},
    {161.130541, 72.635704},  {170.587157, 73.847851},  {178.214099, 79.438029},
    {128.733742, 95.359626},  {128.488545, 106.924595}, {128.244759, 118.272851},
    {128.265965, 127.698707}, {118.760001, 135.193577}, {122.963080, 136.146198},
    {128.870180, 137.302534}, {134.942831, 135.997205}, {139.482597, 134.877638},
    {92.522456, 94.368760},   {97.585182, 90.959778},   {105.413683, 90.913459},
    {112.772417, 94.943609},  {106.103635, 97.084857},  {98.046286, 97.363359},
    {145.525115, 94.534999},  {152.589534, 90.214857},  {160.611707, 90.199385},
    {166.677101, 93.565623},  {160.559716, 96.481260},  {152.204660, 96.472813},
    {107.167606, 157.196068}, {114.476112, 152.120070}, {123.848528, 148.518632},
    {128.976283, 149.415525}, {134.143607, 148.426282}, {144.177178, 151.793433},
    {152.192840, 156.987111}, {143.859669, 164.003471}, {136.744151, 167.943001},
    {129.152783, 168.818534}, {121.795111, 168.022719}, {115.275086, 164.151594},
    {109.230887, 157.001721}, {122.502708, 154.407336}, {129.028622, 154.121042},
    {135.836481, 154.312150}, {150.757828, 156.795060}, {135.662046, 160.629767},
    {128.952185, 161.287627}, {122.487754, 160.508784}};

static const int stable[STABLE] = {28, 33, 36, 39, 42, 45, 48, 54};

/* From LipNet's template to the mean face's frame: the least-squares similarity of the 51 points
 * that both have. They are apart by 2.4 pixels (root mean square). */
static const struct vis_affine from_template = {
    {{0.624271, 0.004347, 49.723246}, {-0.004347, 0.624271, 45.396380}}};

/* From LipNet's template to the frame, whatever is known of the face. */
static struct vis_affine template_map(const struct vis_face_seen *seen)
{
    const double k = seen->crop_width / VIS_TEMPLATE_WIDTH;
    const double x = VIS_TEMPLATE_LEFT + VIS_TEMPLATE_WIDTH / 2.0;
    const double y = VIS_TEMPLATE_TOP + VIS_TEMPLATE_HEIGHT / 2.0;
    if (seen->aligned)
        return seen->back;
    return (struct vis_affine){{{k, 0, seen->mouth_x - k * x}, {0, k, seen->mouth_y - k * y}}};
}

void vis_aligned_point(const struct vis_face_seen *seen, double x, double y, double out[2])
{
    const struct vis_affine back = template_map(seen);
    const struct vis_affine to_template = vis_affine_inverse(&from_template);
    double p[2];
    vis_affine_apply(&to_template, x, y, p);
    vis_affine_apply(&back, p[0], p[1], out);
}

void vis_aligned_points(const struct vis_face_seen *seen, double out[VIS_FACE_68][2])
{
    for (int i = 0; i < VIS_FACE_68; i++) {
        vis_aligned_point(seen, mean_face[i][0], mean_face[i][1], out[i]);
        for (int k = 0; k < 2 && seen->marked; k++)
            out[i][k] = (double)seen->marks[i][k];
    }
}

struct vis_affine vis_aligned_map(const double (*points)[2])
{
    double p[STABLE][2], q[STABLE][2];
    for (int i = 0; i < STABLE; i++) {
        memcpy(p[i], points[stable[i]], sizeof p[i]);
        memcpy(q[i], mean_face[stable[i]], sizeof q[i]);
    }
    return vis_align_robust((const double(*)[2])p, (const double(*)[2])q, STABLE);
}

static int begin_of(double centre)
{
    return (int)rint(fmax(0, fmin(centre - SIDE / 2.0, VIS_ALIGNED_FRAME - SIDE)));
}

void vis_aligned_window(const double mouth[2], int *left, int *top)
{
    *left = begin_of(mouth[0]);
    *top = begin_of(mouth[1]);
}

/* The map back to the frame, and where the crop begins in the mean face's frame. */
static struct vis_affine place(const double (*points)[2], int *left, int *top)
{
    const struct vis_affine map = vis_aligned_map(points);
    double sum[2] = {0, 0}, mouth[2];
    for (int i = FIRST_LIP; i < VIS_FACE_68; i++)
        for (int k = 0; k < 2; k++)
            sum[k] += points[i][k] / (VIS_FACE_68 - FIRST_LIP);
    vis_affine_apply(&map, sum[0], sum[1], mouth);
    vis_aligned_window(mouth, left, top);
    return vis_affine_inverse(&map);
}

static int within(double v, int low, int high)
{
    return (int)fmax(low, fmin(v, high));
}

void vis_aligned_keep(struct vis_aligned_part *part, const viseme_image *frame,
                      const double (*points)[2])
{
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL}, p[2];
    int left, top;
    const struct vis_affine back = place(points, &left, &top);
    for (int i = 0; i < 4; i++) {
        vis_affine_apply(&back, left + i % 2 * SIDE, top + i / 2 * SIDE, p);
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], p[k]);
            high[k] = fmax(high[k], p[k]);
        }
    }
    const double margin = MARGIN * (high[0] - low[0]);
    const int shorter = frame->width < frame->height ? frame->width : frame->height;
    const int factor =
        within(hypot(back.m[0][0], back.m[1][0]), 1, shorter < MAX_FACTOR ? shorter : MAX_FACTOR);
    const int most = factor * VIS_ALIGNED_PART;
    const int x = within(floor(low[0] - margin), 0, frame->width - factor);
    const int y = within(floor(low[1] - margin), 0, frame->height - factor);
    const int right = within(ceil(high[0] + margin), x + factor, frame->width);
    const int bottom = within(ceil(high[1] + margin), y + factor, frame->height);
    const struct vis_rect area = {x, y, right - x < most ? right - x : most,
                                  bottom - y < most ? bottom - y : most};
    *part = (struct vis_aligned_part){
        x, y, factor, area.width / factor, area.height / factor, part->gray};
    vis_gray_reduce(frame, &area, factor, part->gray);
}

void vis_aligned_crop(const struct vis_aligned_part *part, const double (*points)[2], uint8_t *crop)
{
    const struct vis_bytes source = {part->gray, part->width, part->height, 1, part->width};
    const double begin[2] = {part->left + (part->factor - 1) / 2.0,
                             part->top + (part->factor - 1) / 2.0};
    uint8_t gray[SIDE * SIDE];
    int left, top;
    struct vis_affine back = place(points, &left, &top);
    for (int k = 0; k < 2; k++) {
        back.m[k][2] -= begin[k];
        for (int i = 0; i < 3; i++)
            back.m[k][i] /= part->factor;
    }
    vis_affine_warp(&source, &back, left, top, gray, SIDE, SIDE);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        crop[i] = gray[i / 3];
}
