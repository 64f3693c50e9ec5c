// The plainest numbers of a picture: levels, steps between neighbours, fine detail, flatness; and the frame around what it shows.
//
// One code for all levels of instructions: it asks for none beyond the baseline.
#include <math.h>
#include <string.h>

#include "CKernels.h"

// Values of a range of 2, as 8 bits give them: what is within half a step of an end is the end, and steps below one and a half
// are none.
static const float END = 0.995f, FLAT = 0.012f, DARK = -0.5f, LIGHT = 0.85f;
// What differs by more from the ground is shown on it.
static const float SHOWN = 0.25f;

static float logarithm(double value) { return logf((float)value + 1e-4f); }
static double over(double sum, ptrdiff_t count) { return count > 0 ? sum / (double)count : 0; }

// What steps from each value to the one `ahead` of it come to, over lines of so many.
typedef struct {
    float sizes, squares;
    int32_t flat, flat_off_black;
} steps;

static steps steps_of(const float *x, ptrdiff_t lines, ptrdiff_t width, ptrdiff_t row, ptrdiff_t ahead) {
#pragma clang fp reassociate(on)
    steps found = {0, 0, 0, 0};
    for (ptrdiff_t i = 0; i < lines; i++, x += row)
        for (ptrdiff_t j = 0; j < width; j++) {
            const float to = x[j + ahead], step = __builtin_fabsf(to - x[j]);
            found.sizes += step;
            found.squares += step * step;
            found.flat += step < FLAT;
            found.flat_off_black += (step < FLAT) & (to > -END);
        }
    return found;
}

// Sums of sizes and squares of the 5-point Laplacian, where there are four neighbours.
static void laplacian(const float *x, ptrdiff_t height, ptrdiff_t width, float *sizes, float *squares) {
#pragma clang fp reassociate(on)
    float a = 0, b = 0;
    for (ptrdiff_t i = 1; i < height - 1; i++) {
        const float *line = x + i * width;
        for (ptrdiff_t j = 1; j < width - 1; j++) {
            const float value = 4 * line[j] - line[j - 1] - line[j + 1] - line[j - width] - line[j + width];
            a += __builtin_fabsf(value);
            b += value * value;
        }
    }
    *sizes = a;
    *squares = b;
}

// The same of the diagonal detail of each 2x2 square: Haar's, at every place.
static void diagonal(const float *x, ptrdiff_t height, ptrdiff_t width, float *sizes, float *squares) {
#pragma clang fp reassociate(on)
    float a = 0, b = 0;
    for (ptrdiff_t i = 0; i < height - 1; i++) {
        const float *line = x + i * width;
        for (ptrdiff_t j = 0; j < width - 1; j++) {
            const float value = 0.5f * (line[j] - line[j + 1] - line[j + width] + line[j + width + 1]);
            a += __builtin_fabsf(value);
            b += value * value;
        }
    }
    *sizes = a;
    *squares = b;
}

static float mean_of(const float *x, ptrdiff_t count) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += x[i];
    return (float)over(sum, count);
}

static float deviation_of(const float *x, ptrdiff_t count, float mean) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrtf((float)over(sum, count));
}

// The statistics of a plane: SG_CHANNEL_STATISTICS of them, or all SG_PLANE_STATISTICS.
static void plane(const float *x, ptrdiff_t height, ptrdiff_t width, int all, float *out) {
    const ptrdiff_t count = height * width, inner = height > 2 && width > 2 ? (height - 2) * (width - 2) : 0;
    const ptrdiff_t squares = height > 1 && width > 1 ? (height - 1) * (width - 1) : 0;
    const ptrdiff_t across = height * (width - 1), down = (height - 1) * width;
    float lap_sizes, lap_squares, dia_sizes, dia_squares;
    const steps right = steps_of(x, height, width - 1, width, 1), below = steps_of(x, height - 1, width, width, width);
    laplacian(x, height, width, &lap_sizes, &lap_squares);
    diagonal(x, height, width, &dia_sizes, &dia_squares);
    out[0] = mean_of(x, count);
    out[1] = deviation_of(x, count, out[0]);
    out[2] = logarithm(over(right.sizes, across) + over(below.sizes, down));
    out[3] = logarithm(sqrt(over(lap_squares, inner)));
    out[4] = logarithm(sqrt(over(dia_squares, squares)));
    if (!all) return;
    int32_t black = 0, white = 0, dark = 0, light = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        black += x[i] <= -END;
        white += x[i] >= END;
        dark += (x[i] > -END) & (x[i] < DARK);
        light += (x[i] > LIGHT) & (x[i] < END);
    }
    out[5] = logarithm(over(lap_sizes, inner));
    out[6] = logarithm(over(dia_sizes, squares));
    out[7] = logarithm(over(right.squares, across)) - logarithm(over(below.squares, down));
    out[8] = (float)over(black, count);
    out[9] = (float)over(white, count);
    out[10] = (float)over(dark, count);
    out[11] = (float)over(light, count);
    out[12] = (float)over(right.flat, across);
    out[13] = (float)over(below.flat, down);
    out[14] = (float)over(right.flat_off_black, across);
}

// The correlation of two channels' diagonal details.
static float correlation(const float *x, const float *y, ptrdiff_t height, ptrdiff_t width) {
#pragma clang fp reassociate(on)
    float both = 0, left = 0, right = 0;
    for (ptrdiff_t i = 0; i < height - 1; i++)
        for (ptrdiff_t j = 0; j < width - 1; j++) {
            const ptrdiff_t at = i * width + j;
            const float a = x[at] - x[at + 1] - x[at + width] + x[at + width + 1];
            const float b = y[at] - y[at + 1] - y[at + width] + y[at + width + 1];
            both += a * b;
            left += a * a;
            right += b * b;
        }
    return both / sqrtf(left * right + 1e-6f);
}

static void mean_of_channels(const float *x, ptrdiff_t channels, ptrdiff_t size, float *luma) {
    for (ptrdiff_t i = 0; i < size; i++) {
        float sum = 0;
        for (ptrdiff_t c = 0; c < channels; c++) sum += x[c * size + i];
        luma[i] = sum / (float)channels;
    }
}

size_t sg_statistics_count(ptrdiff_t channels) {
    if (channels < 2) return SG_PLANE_STATISTICS;
    return SG_PLANE_STATISTICS + (size_t)channels * (SG_CHANNEL_STATISTICS + 1) - 1;
}

size_t sg_statistics_scratch(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width) {
    return channels < 2 ? 0 : 2 * (size_t)(height * width);
}

void sg_statistics(const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, float *scratch, float *out) {
    const ptrdiff_t size = height * width;
    if (channels < 2) {
        plane(x, height, width, 1, out);
        return;
    }
    float *const luma = scratch, *const rest = scratch + size;
    mean_of_channels(x, channels, size, luma);
    plane(luma, height, width, 1, out);
    out += SG_PLANE_STATISTICS;
    for (ptrdiff_t c = 0; c < channels; c++, out += SG_CHANNEL_STATISTICS) {
        for (ptrdiff_t i = 0; i < size; i++) rest[i] = x[c * size + i] - luma[i];
        plane(rest, height, width, 0, out);
    }
    for (ptrdiff_t c = 0; c + 1 < channels; c++) *out++ = correlation(x + c * size, x + (c + 1) * size, height, width);
}

// MARK: Frame

// One of 256 levels; of what is no number the lowest.
static int level_of(float x) {
    const float level = (x + 1) * 127.5f + 0.5f;
    return level > 0 ? level < 255 ? (int)level : 255 : 0;
}

// The middle level along the border, corners counted twice: what a picture with a frame stands on.
static float ground_of(const float *x, ptrdiff_t height, ptrdiff_t width) {
    uint32_t counts[256];
    memset(counts, 0, sizeof counts);
    for (ptrdiff_t j = 0; j < width; j++) {
        counts[level_of(x[j])]++;
        counts[level_of(x[(height - 1) * width + j])]++;
    }
    for (ptrdiff_t i = 0; i < height; i++) {
        counts[level_of(x[i * width])]++;
        counts[level_of(x[i * width + width - 1])]++;
    }
    ptrdiff_t left = height + width;
    int level = 0;
    while (level < 255 && (left -= counts[level]) >= 0) level++;
    return (float)level / 127.5f - 1;
}

// The shares of the height and of the width that lie outside of what is shown: the smaller one, then the larger one.
static void frame_of(const float *x, ptrdiff_t height, ptrdiff_t width, float *frame) {
    const float ground = ground_of(x, height, width);
    ptrdiff_t top = height, bottom = -1, left = width, right = -1;
    for (ptrdiff_t i = 0; i < height; i++, x += width) {
        ptrdiff_t first = 0, last = width - 1;
        while (first < width && !(__builtin_fabsf(x[first] - ground) > SHOWN)) first++;
        if (first == width) continue;
        while (!(__builtin_fabsf(x[last] - ground) > SHOWN)) last--;
        if (top == height) top = i;
        bottom = i;
        left = first < left ? first : left;
        right = last > right ? last : right;
    }
    const float tall = (float)(height - (bottom < top ? 0 : bottom + 1 - top)) / (float)height;
    const float wide = (float)(width - (right < left ? 0 : right + 1 - left)) / (float)width;
    frame[0] = tall < wide ? tall : wide;
    frame[1] = tall < wide ? wide : tall;
}

size_t sg_frame_scratch(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width) {
    return channels < 2 ? 0 : (size_t)(height * width);
}

void sg_frame(const float *x, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, float *scratch, float *out) {
    if (channels > 1) {
        mean_of_channels(x, channels, height * width, scratch);
        x = scratch;
    }
    frame_of(x, height, width, out);
}
