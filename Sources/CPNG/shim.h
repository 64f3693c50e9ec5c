#pragma once
#include <png.h>
#include <setjmp.h>
#include <stddef.h>
#include <string.h>

// libpng reports errors by longjmp, which Swift cannot express: so each whole operation is one C function here,
// and nothing is allocated between setjmp and the jump but what libpng itself owns.

typedef struct {
    unsigned width, height, channels;
    char message[128];
} samegate_png_result;

typedef struct {
    const unsigned char *bytes;
    size_t length, position;
    samegate_png_result *result;
    jmp_buf jump;
} samegate_png_state;

static inline void samegate_png_say(samegate_png_result *result, const char *message) {
    strncpy(result->message, message, sizeof result->message - 1);
    result->message[sizeof result->message - 1] = 0;
}

static inline void samegate_png_fail(png_structp png, png_const_charp message) {
    samegate_png_state *state = (samegate_png_state *)png_get_error_ptr(png);
    samegate_png_say(state->result, message);
    longjmp(state->jump, 1);
}

static inline void samegate_png_ignore(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static inline void samegate_png_read(png_structp png, png_bytep output, size_t count) {
    samegate_png_state *state = (samegate_png_state *)png_get_io_ptr(png);
    if (state->length - state->position < count) png_error(png, "the file ends too early");
    memcpy(output, state->bytes + state->position, count);
    state->position += count;
}

// Everything becomes 8-bit grey, RGB or RGBA: palettes and small depths are expanded, transparency becomes alpha,
// and of 16 bits the upper 8 are kept, as common training pipelines do. Gamma and colour profiles are not applied.
static inline void samegate_png_normalise(png_structp png, png_infop info) {
    int colour = png_get_color_type(png, info);
    int transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    png_set_expand(png);
    png_set_strip_16(png);
    if ((transparent || (colour & PNG_COLOR_MASK_ALPHA)) && !(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
}

// Reads the header, and with output also all rows into it (width * channels bytes each).
// Returns 1, or 0 with result->message set; then the output holds no complete image.
static inline int samegate_png_decode(
    const unsigned char *bytes, size_t length, unsigned side_max, unsigned char *output, size_t output_length,
    samegate_png_result *result) {
    samegate_png_state state;
    memset(&state, 0, sizeof state);
    state.bytes = bytes;
    state.length = length;
    state.result = result;
    result->message[0] = 0;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, samegate_png_fail, samegate_png_ignore);
    if (!png) {
        samegate_png_say(result, "out of memory");
        return 0;
    }
    png_infop volatile made = NULL;
    if (setjmp(state.jump)) {
        png_infop info = made;
        png_destroy_read_struct(&png, info ? &info : NULL, NULL);
        return 0;
    }
    png_infop info = png_create_info_struct(png);
    made = info;
    if (!info) png_error(png, "out of memory");
    png_set_read_fn(png, &state, samegate_png_read);
    png_set_user_limits(png, side_max, side_max);
    png_set_chunk_malloc_max(png, 1 << 20);
    png_set_chunk_cache_max(png, 64);
    png_read_info(png, info);
    samegate_png_normalise(png, info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    result->width = png_get_image_width(png, info);
    result->height = png_get_image_height(png, info);
    result->channels = png_get_channels(png, info);
    if (output) {
        size_t stride = png_get_rowbytes(png, info);
        if (stride != (size_t)result->width * result->channels || output_length / stride < result->height)
            png_error(png, "the image changed its size");
        for (int pass = 0; pass < passes; pass++)
            for (size_t y = 0; y < result->height; y++) png_read_row(png, output + y * stride, NULL);
        png_read_end(png, NULL);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
}

// Writes an 8-bit image. With output NULL only sets *length to a size that suffices; returns 1, or 0 on failure.
static inline int samegate_png_encode(
    const unsigned char *samples, unsigned width, unsigned height, unsigned channels, unsigned char *output,
    size_t *length) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
    png_alloc_size_t size = output ? *length : PNG_IMAGE_PNG_SIZE_MAX(image);
    if (!output) {
        *length = size;
        return 1;
    }
    int done = png_image_write_to_memory(&image, output, &size, 0, samples, 0, NULL);
    png_image_free(&image);
    *length = size;
    return done != 0;
}
