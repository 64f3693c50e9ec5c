#pragma once
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <jpeglib.h>
#include <jerror.h>

// libjpeg reports errors by a callback that must not return, which Swift cannot express: so each whole operation is
// one C function here, and nothing is allocated between setjmp and the jump but what libjpeg itself owns.

typedef struct {
    unsigned width, height, channels;
    char message[JMSG_LENGTH_MAX];
} samegate_jpeg_result;

typedef struct {
    struct jpeg_error_mgr manager;
    jmp_buf jump;
    samegate_jpeg_result *result;
} samegate_jpeg_errors;

typedef struct {
    struct jpeg_progress_mgr manager;
    int scans_max;
} samegate_jpeg_progress;

static inline void samegate_jpeg_fail(j_common_ptr codec) {
    samegate_jpeg_errors *errors = (samegate_jpeg_errors *)codec->err;
    codec->err->format_message(codec, errors->result->message);
    longjmp(errors->jump, 1);
}

// A warning means that samples were invented in place of damaged ones; only these two leave the picture whole.
static inline void samegate_jpeg_message(j_common_ptr codec, int level) {
    if (level >= 0) return;
    int code = codec->err->msg_code;
    if (code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR) samegate_jpeg_fail(codec);
}

// Thousands of tiny progressive scans cost minutes for a few kilobytes.
static inline void samegate_jpeg_watch(j_common_ptr codec) {
    samegate_jpeg_progress *progress = (samegate_jpeg_progress *)codec->progress;
    if (codec->is_decompressor && ((j_decompress_ptr)codec)->input_scan_number > progress->scans_max)
        ERREXIT(codec, JERR_BAD_PROGRESSION);
}

// Ink to light. Files by Adobe store the complement, all others the ink itself.
static inline void samegate_jpeg_from_ink(const unsigned char *ink, unsigned char *rgb, size_t count, int complement) {
    for (size_t i = 0; i < count; i++, ink += 4, rgb += 3) {
        unsigned k = complement ? ink[3] : 255u - ink[3];
        for (int c = 0; c < 3; c++) {
            unsigned v = complement ? ink[c] : 255u - ink[c];
            rgb[c] = (unsigned char)((v * k + 127) / 255);
        }
    }
}

// Reads the header, and with output also all rows into it (width * channels bytes each; 1 channel grey, 3 RGB).
// Returns 1, or 0 with result->message set; then the output holds no complete image.
static inline int samegate_jpeg_decode(
    const unsigned char *bytes, size_t length, unsigned char *output, size_t output_length,
    samegate_jpeg_result *result) {
    struct jpeg_decompress_struct codec;
    samegate_jpeg_errors errors;
    samegate_jpeg_progress progress;
    memset(&codec, 0, sizeof codec);
    memset(&progress, 0, sizeof progress);
    result->message[0] = 0;
    codec.err = jpeg_std_error(&errors.manager);
    errors.result = result;
    errors.manager.error_exit = samegate_jpeg_fail;
    errors.manager.emit_message = samegate_jpeg_message;
    if (setjmp(errors.jump)) {
        jpeg_destroy_decompress(&codec);
        return 0;
    }
    jpeg_create_decompress(&codec);
    progress.manager.progress_monitor = samegate_jpeg_watch;
    progress.scans_max = 100;
    codec.progress = &progress.manager;
    jpeg_mem_src(&codec, bytes, length);
    jpeg_read_header(&codec, TRUE);
    int ink = codec.num_components == 4;
    codec.out_color_space = codec.num_components == 1 ? JCS_GRAYSCALE : ink ? JCS_CMYK : JCS_RGB;
    codec.dct_method = JDCT_ISLOW;
    jpeg_calc_output_dimensions(&codec);
    result->width = codec.output_width;
    result->height = codec.output_height;
    result->channels = codec.num_components == 1 ? 1 : 3;
    if (output) {
        size_t stride = (size_t)result->width * result->channels;
        jpeg_start_decompress(&codec);
        if (output_length / stride < codec.output_height) ERREXIT(&codec, JERR_WIDTH_OVERFLOW);
        JSAMPARRAY row = (*codec.mem->alloc_sarray)(
            (j_common_ptr)&codec, JPOOL_IMAGE, codec.output_width * (unsigned)codec.output_components, 1);
        while (codec.output_scanline < codec.output_height) {
            unsigned char *target = output + codec.output_scanline * stride;
            if (!ink) {
                jpeg_read_scanlines(&codec, &target, 1);
                continue;
            }
            jpeg_read_scanlines(&codec, row, 1);
            samegate_jpeg_from_ink(row[0], target, result->width, codec.saw_Adobe_marker != 0);
        }
        jpeg_finish_decompress(&codec);
    }
    jpeg_destroy_decompress(&codec);
    return 1;
}

// Writes a picture (1 channel grey, 3 RGB, rows of width * channels bytes) into output as a baseline JPEG with libjpeg's
// tables scaled for the quality and 4:2:0 chroma. Returns 1 and sets *length, or 0 with result->message set.
static inline int samegate_jpeg_encode(
    const unsigned char *samples, unsigned width, unsigned height, unsigned channels, int quality,
    unsigned char *output, unsigned long capacity, unsigned long *length, samegate_jpeg_result *result
) {
    struct jpeg_compress_struct codec;
    samegate_jpeg_errors errors;
    // libjpeg writes into the room it is given and takes more of its own only when that does not do.
    unsigned char *room = output;
    memset(&codec, 0, sizeof codec);
    *length = capacity;
    errors.result = result;
    result->message[0] = 0;
    codec.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = samegate_jpeg_fail;
    errors.manager.emit_message = samegate_jpeg_message;
    if (setjmp(errors.jump)) {
        jpeg_destroy_compress(&codec);
        if (room != output) free(room);
        return 0;
    }
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &room, length);
    codec.image_width = width;
    codec.image_height = height;
    codec.input_components = (int)channels;
    codec.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, quality, TRUE);
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(samples + (size_t)codec.next_scanline * width * channels);
        jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    int fits = room == output;
    jpeg_destroy_compress(&codec);
    if (!fits) free(room);
    if (!fits) strcpy(result->message, "the picture does not fit");
    return fits;
}
