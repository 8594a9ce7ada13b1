/* viseme: neural networks that read lips, move lips and check lips, on a plain CPU.
 *
 * This header is the whole public interface of libviseme. It is C99 and C++.
 *
 * Introduction
 *
 *   A *model* is a weights file made ready for this CPU. It never changes once open, so any
 *   number of sessions, on any threads, may share it.
 *   A *session* runs the model's network: named float tensors in, named float tensors out.
 *   A *task* is what a person wants: frames of a video in, words out. Tasks are push-style and
 *   never open a media file: decode with whatever you have and push the frames.
 *
 *   Reading lips from frames you decoded yourself:
 *
 *       viseme_error  err;
 *       viseme_model *model = NULL;
 *       viseme_reader *reader = NULL;
 *       if (viseme_model_open(&model, "lipnet.safetensors", NULL, &err) != VISEME_OK ||
 *           viseme_reader_open(&reader, model, &options, &err) != VISEME_OK)
 *           fprintf(stderr, "%s\n", err.message);
 *       while (next_frame(&image, &seconds))
 *           viseme_reader_push(reader, &image, seconds, &err);
 *       if (viseme_reader_finish(reader, &err) == VISEME_OK)
 *           puts(viseme_reader_hypothesis(reader, 0)->text);
 *       viseme_reader_close(reader);
 *       viseme_model_close(model);
 *
 * Conventions
 *
 *   Errors   Everything that can fail returns a viseme_status and, through an optional
 *            viseme_error owned by the caller, one sentence: what failed, where, what to try.
 *            The library never prints, exits or aborts.
 *   Memory   An object is freed by its own close function; close(NULL) does nothing. Pointers
 *            that a getter returns belong to the object asked and say how long they live.
 *   Threads  A model is read-only and may be shared. Every other object may be used by one
 *            thread at a time; different objects by different threads at the same time.
 *   Shapes   are written in one notation, outermost axis first: [N T H W C] = batch, time,
 *            height, width, channels.
 */
#ifndef VISEME_H
#define VISEME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VISEME_API __attribute__((visibility("default")))
#else
#define VISEME_API
#endif

#define VISEME_VERSION_MAJOR 0
#define VISEME_VERSION_MINOR 1
#define VISEME_VERSION_PATCH 0

/** The library's version, such as "0.1.0". Static storage. */
VISEME_API const char *viseme_version(void);

/* ---- Errors ------------------------------------------------------------------------------ */

/** What went wrong, by what the caller can do about it. The numbers are stable. */
typedef enum viseme_status {
    VISEME_OK = 0,
    VISEME_ERR_ARGUMENT = 1, /**< the call is wrong: a bad option, name, shape or order of calls */
    VISEME_ERR_INPUT = 2,    /**< media or data cannot be read, or is damaged or unsupported */
    VISEME_ERR_NO_FACE = 3,  /**< no usable face in the whole input */
    VISEME_ERR_MODEL = 4,    /**< a model file is missing, damaged or of the wrong kind */
    VISEME_ERR_LIMIT = 5,    /**< the input is larger than a documented limit */
    VISEME_ERR_NOMEM = 6,    /**< out of memory */
    VISEME_ERR_OUTPUT = 7,   /**< a result cannot be written */
    VISEME_ERR_INTERNAL = 8, /**< a defect of viseme; please report it */
    VISEME_ERR_NO_AUDIO = 9  /**< no usable sound in the whole input */
} viseme_status;

/** One sentence about a failure. Owned by the caller; written only when a call fails. */
typedef struct viseme_error {
    viseme_status status;
    char message[512]; /**< UTF-8, one line, no trailing full stop or newline */
} viseme_error;

/* ---- Models ------------------------------------------------------------------------------ */

typedef struct viseme_model viseme_model;

/** Which instructions the kernels may use. */
typedef enum viseme_cpu {
    VISEME_CPU_AUTO = 0,  /**< $VISEME_CPU (c, avx2 or avx512) if set, else the best there is */
    VISEME_CPU_C = 1,     /**< plain C */
    VISEME_CPU_AVX2 = 2,  /**< AVX2 + FMA */
    VISEME_CPU_AVX512 = 3 /**< AVX-512 F, BW, DQ and VL */
} viseme_cpu;

/** Who multiplies matrices. */
typedef enum viseme_gemm {
    VISEME_GEMM_NATIVE = 0, /**< viseme's own kernels */
    VISEME_GEMM_BLAS = 1    /**< OpenBLAS, where the library was built with it */
} viseme_gemm;

/** Options of viseme_model_open(). All zero is the default. */
typedef struct viseme_model_options {
    viseme_cpu cpu;
    viseme_gemm gemm;
    int threads; /**< that large weights are made ready with; 0: one per CPU */
} viseme_model_options;

/** Opens a weights file (docs/weights-format.md), checks its header, every tensor's place, type
 *  and shape against the network it names, and makes it ready for this CPU.
 *
 *  out   receives the model, NULL on failure; free it with viseme_model_close().
 *  path  a regular file; mapped, so it must not be changed while the model is open.
 *  opts  NULL for the defaults; copied.
 *  err   NULL, or where to put a sentence about what went wrong.
 *
 *  Returns VISEME_OK, VISEME_ERR_MODEL (missing, damaged, wrong kind), VISEME_ERR_ARGUMENT (a
 *  CPU level that this machine lacks, BLAS in a build without it) or VISEME_ERR_NOMEM.
 */
VISEME_API viseme_status viseme_model_open(viseme_model **out, const char *path,
                                           const viseme_model_options *opts, viseme_error *err);

/** Frees a model. Every session and task that uses it must have been closed before. */
VISEME_API void viseme_model_close(viseme_model *model);

/** The CPU level the model's kernels run at; never VISEME_CPU_AUTO. */
VISEME_API viseme_cpu viseme_model_cpu(const viseme_model *model);

/** "c", "avx2" or "avx512". Static storage. */
VISEME_API const char *viseme_cpu_name(viseme_cpu cpu);

/** The best level that this machine and this build can run. */
VISEME_API viseme_cpu viseme_cpu_best(void);

/** A value of the file's metadata by its key, such as "viseme.arch", "viseme.license" or
 *  "viseme.source"; NULL when the file has none. Lives as long as the model. */
VISEME_API const char *viseme_model_metadata(const viseme_model *model, const char *key);

/* ---- Weights files as files -------------------------------------------------------------- */

typedef struct viseme_weights viseme_weights;

/** One tensor of a weights file. */
typedef struct viseme_weights_tensor {
    const char *name;  /**< its upstream state_dict name */
    const char *dtype; /**< "F32", "F16" or "BF16" */
    int rank;          /**< 0 to 8 */
    int64_t shape[8];
    uint64_t bytes;
} viseme_weights_tensor;

/** What a full check of a weights file found. */
typedef struct viseme_weights_check {
    int has_checksum;     /**< the file states a CRC-32 of its data */
    uint32_t crc32;       /**< the CRC-32 of the data as it is now */
    int checksum_matches; /**< 1 when it has one and it is right */
    uint64_t nan_count;   /**< elements that are not a number */
    uint64_t inf_count;   /**< infinite elements */
} viseme_weights_check;

/** Opens any safetensors file for looking at: header, offsets and types are checked, but not
 *  whether viseme knows the network. Status as viseme_model_open(). */
VISEME_API viseme_status viseme_weights_open(viseme_weights **out, const char *path,
                                             viseme_error *err);
VISEME_API void viseme_weights_close(viseme_weights *weights);

/** Number of tensors; tensor i in file order (names and shapes live as long as the file is
 *  open), NULL when i is out of range. */
VISEME_API size_t viseme_weights_count(const viseme_weights *weights);
VISEME_API const viseme_weights_tensor *viseme_weights_tensor_at(const viseme_weights *weights,
                                                                 size_t i);
/** Metadata by key (NULL: none) and by position (0 when i is out of range, else 1). */
VISEME_API const char *viseme_weights_metadata(const viseme_weights *weights, const char *key);
VISEME_API int viseme_weights_metadata_at(const viseme_weights *weights, size_t i, const char **key,
                                          const char **value);

/** Reads all the data: checksum, NaN and Inf. Fails with VISEME_ERR_MODEL when the checksum is
 *  wrong or any element is not finite (`check` is filled all the same). */
VISEME_API viseme_status viseme_weights_verify(const viseme_weights *weights,
                                               viseme_weights_check *check, viseme_error *err);

/* ---- Sessions: named tensors in, named tensors out --------------------------------------- */

typedef struct viseme_session viseme_session;

/** Options of viseme_session_open(). All zero is the default. */
typedef struct viseme_session_options {
    int threads; /**< 1 to 256; 0: one per CPU this process may use. Never changes a result. */
} viseme_session_options;

/** A dense float32 tensor in the axis order of the original network, the batch axis included. */
typedef struct viseme_tensor {
    const char *name;
    int rank; /**< 1 to 8 */
    int64_t shape[8];
    const float *data; /**< row-major, the product of `shape` elements */
} viseme_tensor;

/** Opens a session. It owns its running memory and its threads.
 *  Returns VISEME_OK, VISEME_ERR_ARGUMENT or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_session_open(viseme_session **out, const viseme_model *model,
                                             const viseme_session_options *opts, viseme_error *err);
VISEME_API void viseme_session_close(viseme_session *session);

/** Number of inputs, and their names (NULL when i is out of range); likewise for outputs.
 *  Names live as long as the session. */
VISEME_API size_t viseme_session_input_count(const viseme_session *session);
VISEME_API const char *viseme_session_input_name(const viseme_session *session, size_t i);
VISEME_API size_t viseme_session_output_count(const viseme_session *session);
VISEME_API const char *viseme_session_output_name(const viseme_session *session, size_t i);

/** Runs the network once.
 *
 *  inputs  every input of the network, in any order; read during the call only. Of a network of
 *          independent parts ("syncnet": "lip" and "aud"; "synce2e": besides them "matrix", where
 *          it has a classifier) any of them: only the parts that they lead to are run, and have
 *          outputs. Who runs them in turn opens a session for each, since a change of shapes or
 *          parts plans anew; the sessions share the model's weights.
 *
 *  The first run with given shapes plans the memory for them; further runs with the same
 *  shapes allocate nothing. NaN and Inf in an input travel to the output as IEEE 754 says.
 *  Returns VISEME_OK, VISEME_ERR_ARGUMENT (an unknown or missing name, a shape that does not
 *  fit), VISEME_ERR_LIMIT (a plan above 2^31 elements) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_session_run(viseme_session *session, const viseme_tensor *inputs,
                                            size_t count, viseme_error *err);

/** An output of the last run. The data belongs to the session and lives until its next run.
 *  Returns VISEME_OK, or VISEME_ERR_ARGUMENT (unknown name, one of a part that did not run, or no
 *  run yet). */
VISEME_API viseme_status viseme_session_output(const viseme_session *session, const char *name,
                                               viseme_tensor *out, viseme_error *err);

/** What one node of the network cost in the last run. */
typedef struct viseme_profile_node {
    const char *name;      /**< its weights' name, or the kind of the operation */
    const char *algorithm; /**< such as "gemm native 14x32" */
    double seconds;
    double flop; /**< floating point operations of the direct method; 0 when not counted */
} viseme_profile_node;

/** Node i of the last run in order of execution; 0 when i is out of range, else 1. */
VISEME_API int viseme_session_profile(const viseme_session *session, size_t i,
                                      viseme_profile_node *node);

/** Bytes of running memory planned for the last shapes, and of packed weights in the model. */
VISEME_API size_t viseme_session_arena_bytes(const viseme_session *session);
VISEME_API size_t viseme_model_packed_bytes(const viseme_model *model);

/* ---- Pictures and faces ------------------------------------------------------------------ */

/** Order of the bytes of one pixel. */
typedef enum viseme_pixel { VISEME_BGR24 = 0, VISEME_RGB24 = 1 } viseme_pixel;

/** A picture the caller owns: `height` rows of `width` pixels of 3 bytes. */
typedef struct viseme_image {
    const uint8_t *data;
    int width, height; /**< 1 to 16384 */
    ptrdiff_t stride;  /**< bytes from one row to the next; negative for bottom-up pictures */
    viseme_pixel format;
} viseme_image;

/** A face in a frame, in pixels of the frame; x to the right, y down. */
typedef struct viseme_face {
    double x, y, width, height; /**< smoothed box of the detector's kind */
    double mouth_x, mouth_y;    /**< centre of the mouth */
    double confidence;          /**< 0 to 1 */
    int id;                     /**< of the track it belongs to, see viseme_track */
} viseme_face;

/** A face through a video. A shot ends where the scene or the frame's size changes; every face is
 *  new then. Within a shot a face that leaves and comes back near its old place is the same one. */
typedef struct viseme_track {
    int id;                /**< 1, 2 ... in order of appearance; in a frame from left to right */
    int shot;              /**< 1, 2 ... */
    int number;            /**< 1, 2 ... in its shot */
    double start_s, end_s; /**< the times of the first and the last frame with it */
    int64_t frames;        /**< frames with it */
    int64_t chosen_frames; /**< of these, where it was the one cut out */
} viseme_track;

/** A stretch of time without the chosen face; the crops in it are held. */
typedef struct viseme_gap {
    double start_s, end_s; /**< by the times of the frames pushed */
} viseme_gap;

/** How mouths are cut out; docs/mouth-crops.md says more. All but LipNet's are grey, their three
 *  bytes alike. */
typedef enum viseme_crop_kind {
    VISEME_CROP_LIPNET = 0,       /**< 64 x 128 (height x width), laid over LipNet's template */
    VISEME_CROP_SYNCVSR_LRS2 = 1, /**< 128 x 128 around the lower face, upright, in the size of
                                       LRS2's frames: SyncVSR's window */
    VISEME_CROP_SYNCVSR_LRS3 = 2, /**< likewise, in the size of LRS3's */
    VISEME_CROP_AUTOAVSR = 3,     /**< 96 x 96, laid over Auto-AVSR's mean face by landmarks that
                                       are smoothed: six crops late */
    VISEME_CROP_SYNCVSR_LRW = 4   /**< 96 x 112 around mouth and chin, upright, in the size of LRW's
                                       frames: SyncVSR's window for words */
} viseme_crop_kind;

/** One mouth picture as a network sees it. */
typedef struct viseme_crop {
    const uint8_t *bgr; /**< [H W 3] bytes, B G R; lives until the next call on the cropper */
    int width, height;
    int64_t index;    /**< 0, 1, 2 ... */
    double time_s;    /**< the time of the first frame, and index / rate */
    int held;         /**< 1: the frame at this time has no face: the nearest crop is repeated, or,
                           of kinds other than LipNet's and behind the first face, the crop is
                           taken where the face was or must have been */
    viseme_face face; /**< where it came from; of the repeated crop when held */
    const viseme_face *faces; /**< every face followed in the frame at this time, by id; lives as
                                   long as bgr. Not known before the first chosen face */
    size_t face_count;
    const float *landmarks; /**< of VISEME_CROP_SYNCVSR_LRW by FaceMesh and not held: the 468
                                 points of this face, x, y and depth in pixels of the frame, row
                                 after row; else NULL. Lives as long as bgr */
} viseme_crop;

typedef struct viseme_cropper viseme_cropper;

/** Which face is cut out where there are several. */
typedef enum viseme_face_choice {
    VISEME_FACE_LARGEST = 0, /**< the largest when faces are first seen; from then on the same one,
                                  until it has been gone for two seconds or the scene changes */
    VISEME_FACE_POINT = 1,   /**< likewise, the one nearest to a point of the frame */
    VISEME_FACE_NUMBER = 2   /**< the one with that viseme_track.number in every shot */
} viseme_face_choice;

/** What happens where the chosen face is not there. */
typedef enum viseme_no_face {
    VISEME_NO_FACE_HOLD = 0, /**< the nearest crop is repeated */
    VISEME_NO_FACE_FAIL = 1  /**< the push, or finish, fails with VISEME_ERR_NO_FACE */
} viseme_no_face;

/** Options of viseme_cropper_open() and viseme_reader_open(). */
typedef struct viseme_crop_options {
    const char *cascade_xml; /**< text of an OpenCV face cascade (haarcascade_frontalface_alt2),
                                  not kept after the call; a reader opened without one and
                                  without the two networks below takes crops only */
    size_t cascade_bytes;
    const viseme_model *face_detector;  /**< a BlazeFace (viseme.arch "blazeface"), which needs */
    const viseme_model *face_landmarks; /**< a FaceMesh ("facemesh"), or a YuNet ("yunet") or an
                                             S3FD ("s3fd"), which go without; NULL and NULL: the
                                             cascade. Used instead of it; must outlive the task */
    int landmarks_every;   /**< with FaceMesh: crops from one look at the landmarks to the next,
                                1 to 25; between, they are interpolated, and crops come that much
                                later. 0: 4; 1: every frame, as LipNet was trained */
    viseme_crop_kind kind; /**< a reader takes what its model wants */
    double rate; /**< crops a second, up to 1000; 0: 25, as every network here was trained */
    viseme_face_choice face;
    int face_number;       /**< VISEME_FACE_NUMBER: 1, 2 ... */
    double face_x, face_y; /**< VISEME_FACE_POINT: in pixels of the frame */
    int all_faces; /**< 1: follow every face, at most 16 at a time; 0: only what is needed */
    viseme_no_face on_no_face;
} viseme_crop_options;

/** Opens the task that turns frames of a video into mouth crops: faces are detected now and then
 *  and tracked between; boxes of a cascade are smoothed over time, landmarks are laid over a
 *  template. Time never shifts: there is a
 * crop for every 1/rate of a second of video from the first frame to the last, and where a frame
 * has no face the last crop is held (before the first face, the first one); see
 * viseme_cropper_gap(). Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (a damaged
 * cascade) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_cropper_open(viseme_cropper **out, const viseme_crop_options *opts,
                                             viseme_error *err);
VISEME_API void viseme_cropper_close(viseme_cropper *cropper);

/** Takes the next frame. seconds: its presentation time; times must not go back (a time before
 *  the last one counts as the last one). The size may change between frames. After every push,
 *  and after finish, take the crops with viseme_cropper_next() until it returns 0: pushing again
 *  before that is VISEME_ERR_ARGUMENT. */
VISEME_API viseme_status viseme_cropper_push(viseme_cropper *cropper, const viseme_image *frame,
                                             double seconds, viseme_error *err);
/** Says that there are no more frames. Returns VISEME_ERR_NO_FACE when no frame had one, and
 *  VISEME_ERR_INPUT when there was no frame at all. */
VISEME_API viseme_status viseme_cropper_finish(viseme_cropper *cropper, viseme_error *err);
/** The next crop that is ready: 1 and `crop` filled, or 0. */
VISEME_API int viseme_cropper_next(viseme_cropper *cropper, viseme_crop *crop);

/** The chosen face in the frame pushed last: 1 and `face` filled, or 0 when there is none. */
VISEME_API int viseme_cropper_face(const viseme_cropper *cropper, viseme_face *face);

/** Gap i of what was cropped so far, in order of time: 1 and `gap` filled, or 0. */
VISEME_API int viseme_cropper_gap(const viseme_cropper *cropper, size_t i, viseme_gap *gap);
/** Face i of those followed so far, in order of ids: 1 and `track` filled, or 0. */
VISEME_API int viseme_cropper_track(const viseme_cropper *cropper, size_t i, viseme_track *track);

/* ---- Reading lips ------------------------------------------------------------------------ */

typedef struct viseme_reader viseme_reader;

/** When a word is said, by the times of the frames. */
typedef struct viseme_span {
    double start_s, end_s;
} viseme_span;

/** Options of viseme_reader_open(). */
typedef struct viseme_reader_options {
    viseme_crop_options crop;
    int threads; /**< as in viseme_session_options */
    int beam;    /**< 0 or 1: greedy decoding; 2 to 1000: prefix beam search of that width. Of a
                      syncvsr the width of the joint search, 1 to 1000; 0: 40 */
    int nbest;   /**< hypotheses to keep, 1 to beam; 0: 1. Above 1 needs beam. Of a word reader as
                      many as it knows words */
    const char *lm_arpa; /**< text of an n-gram language model of characters (with <sp> for the
                              space) or words in the ARPA format; NULL: none. Needs a beam, which
                              is 64 when `beam` is 0. Not kept after the call */
    size_t lm_bytes;
    double lm_weight; /**< what the model's log-probabilities are multiplied by; 0: 0.25, of a
                           language model of tokens 0.3 */
    const viseme_model *token_lm; /**< for a syncvsr: a language model of its tokens, or NULL; must
                                       outlive the reader */
    double ctc_weight;   /**< for a syncvsr: CTC's part of the score, up to 1, the decoder has the
                              rest; 0: what the file says, else 0.1; -1: none */
    double length_bonus; /**< for a syncvsr: added to the score for every token, -100 to 100 */
    const char *grammar; /**< text of a grammar (docs/grammar.md): the best path whose text is one
                              of its sentences is read, without a beam or a language model;
                              NULL: none. Not kept after the call */
    size_t grammar_bytes;
    double min_confidence;    /**< a clip below it is out of domain; 0: the model's, else 0.85, of a
                                   syncvsr or a word reader 0 */
    const viseme_span *spans; /**< for a word reader: when each word is said, in any order; not
                                   kept after the call. Those whose middle no frame shows are left
                                   out. NULL: the clip, at most 2 s, has one word in its middle */
    size_t span_count;
    double word_seconds; /**< for a word reader without spans: how long the word lasts; 0: 0.52, or
                              the whole clip if that is shorter */
    int keep_emissions;  /**< for a syncvsr: 1 keeps every row for viseme_reader_logits(), 20 KB
                              a frame of 5000 tokens; 0: there will be none */
    /** NULL, or who is shown every crop that is cut from the frames, in order, before the network
     *  reads it; it may not call the reader. */
    void (*on_crop)(void *user, const viseme_crop *crop);
    void *user; /**< passed to on_crop */
} viseme_reader_options;

/** One reading of the whole clip. Reading i of a word reader has the i-th most likely word of every
 *  span; its numbers are those of the network's softmax over the words it knows: log_probability
 *  and score the sum of their logarithms, confidence their geometric mean. */
typedef struct viseme_hypothesis {
    const char *text;       /**< UTF-8 */
    double log_probability; /**< natural logarithm: of the text for a beam search, of the single
                                 best path for greedy decoding and for a grammar */
    double score;           /**< what readings are ranked by: log_probability, and the language
                                 model's on top, times its weight */
    double confidence;      /**< 0 to 1: geometric mean of the network's probabilities of this
                                 reading, over the frames of its words and of the spaces between
                                 them; without any word, over all frames. docs/confidence.md says
                                 what to make of it */
} viseme_hypothesis;

/** One word of a reading. */
typedef struct viseme_word {
    const char *text;      /**< UTF-8 */
    double start_s, end_s; /**< from the first frame that shows it to the end of the last one, by
                                the times of the frames pushed */
    double confidence;     /**< 0 to 1: as of a reading, over the word's frames */
} viseme_word;

/** What a reader has seen; valid after viseme_reader_finish(). */
typedef struct viseme_reader_stats {
    int64_t frames;        /**< frames pushed */
    int64_t crops;         /**< crops read */
    int64_t crops_held;    /**< of these, repeated for want of a face */
    double start_s;        /**< the time of the first frame; 0 for crops */
    double duration_s;     /**< crops / rate */
    double face_seconds;   /**< time spent finding and cropping faces */
    double net_seconds;    /**< time spent in the network */
    double decode_seconds; /**< time spent in the decoder */
    double min_confidence; /**< below it a clip is out of domain */
    int out_of_domain;     /**< 1: the best reading's confidence is below min_confidence, so this
                                is likely outside what the model knows */
} viseme_reader_stats;

/** Opens the task behind `viseme read`: frames in, words out. Long videos are read in
 *  overlapping windows, so memory does not grow with their length but for about 120 bytes a
 *  frame of a LipNet's emissions, or the words of a syncvsr.
 *  model  a LipNet (viseme.arch "lipnet"), or the original Keras one ("lipnet_keras"), which
 *         takes crops only: its own crop recipe is not in viseme; or a SyncVSR or Auto-AVSR
 *         ("syncvsr"), whose decoder writes sentences (docs/sentences.md); or a word reader
 *         ("syncvsr_lrw", or "syncvsr_landmark", which wants frames and FaceMesh), which tells a
 *         word at a time (docs/words.md); must outlive the reader.
 *  Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (not a network that reads lips, a
 *  damaged cascade) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_reader_open(viseme_reader **out, const viseme_model *model,
                                            const viseme_reader_options *opts, viseme_error *err);
VISEME_API void viseme_reader_close(viseme_reader *reader);

/** Takes the next frame; see viseme_cropper_push(). Of a word reader without spans VISEME_ERR_LIMIT
 *  after 2 s. */
VISEME_API viseme_status viseme_reader_push(viseme_reader *reader, const viseme_image *frame,
                                            double seconds, viseme_error *err);
/** Takes the next crop instead of a frame: 64 rows of 128 pixels (lipnet_keras: 50 of 100; syncvsr
 *  and syncvsr_lrw: as viseme_crop_kind has them, made grey if they are not) already cut to the
 * network's geometry, one for every 1/rate of a second. A reader takes frames or crops, not both.
 */
VISEME_API viseme_status viseme_reader_push_crop(viseme_reader *reader, const viseme_image *crop,
                                                 viseme_error *err);
/** Says that there are no more frames, and reads them.
 *  Returns VISEME_OK, VISEME_ERR_NO_FACE, VISEME_ERR_INPUT (no frame at all; of a word reader also
 *  less than 0.2 s, or no span within the clip) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_reader_finish(viseme_reader *reader, viseme_error *err);

/** Reading i, best first; NULL when there is none (beam search may find fewer than asked for).
 *  Lives as long as the reader. */
VISEME_API const viseme_hypothesis *viseme_reader_hypothesis(const viseme_reader *reader, size_t i);
/** The words of reading i in the order of time: `*count` of them, and NULL when there is no such
 *  reading. Live as long as the reader. */
VISEME_API const viseme_word *viseme_reader_words(const viseme_reader *reader, size_t i,
                                                  size_t *count);
/** Logits of every crop, [T C] row-major in the order of the file's vocabulary, before softmax; of
 *  a syncvsr CTC's log-probabilities, if they were to be kept, else no rows; of a word reader a row
 *  for each word. Live as long as the reader. Either pointer may be NULL. */
VISEME_API const float *viseme_reader_logits(const viseme_reader *reader, int64_t *frames,
                                             int *classes);
/** Gaps of the clip, as viseme_cropper_gap(); none for a reader that took crops. */
VISEME_API int viseme_reader_gap(const viseme_reader *reader, size_t i, viseme_gap *gap);
/** The session that runs the reader's network, for viseme_session_profile() and the like: its
 *  last run is the last window that was read. It belongs to the reader and lives as long. */
VISEME_API const viseme_session *viseme_reader_session(const viseme_reader *reader);
VISEME_API void viseme_reader_get_stats(const viseme_reader *reader, viseme_reader_stats *stats);

/* ---- Moving lips ------------------------------------------------------------------------- */

/** The piece of a frame that changed: where the mask is 255 `bgr` replaces the frame, where it is
 *  0 the frame stays as it is, between them the two are mixed in proportion. */
typedef struct viseme_patch {
    int x, y, width, height; /**< in pixels of the frame; within it */
    const uint8_t *bgr;      /**< [height width 3] */
    const uint8_t *mask;     /**< [height width] */
} viseme_patch;

typedef struct viseme_dubber viseme_dubber;

/** How the new mouth is laid into the frame. */
typedef enum viseme_blend {
    VISEME_BLEND_FEATHER = 0, /**< the lower face, its edges feathered, its colours matched */
    VISEME_BLEND_HARD = 1     /**< the whole box with hard edges, as the original Wav2Lip */
} viseme_blend;

/** What happens while the speech is silent. */
typedef enum viseme_silence {
    VISEME_SILENCE_MODEL = 0, /**< the network moves the lips, as it was trained to */
    VISEME_SILENCE_KEEP = 1   /**< frames stay as they are */
} viseme_silence;

/** What happens in a frame without the chosen face. */
typedef enum viseme_dub_no_face {
    VISEME_DUB_KEEP = 0, /**< the frame stays as it is */
    VISEME_DUB_HOLD = 1, /**< lips are moved where the face was last */
    VISEME_DUB_FAIL = 2  /**< the push fails with VISEME_ERR_NO_FACE */
} viseme_dub_no_face;

/** Options of viseme_dubber_open(). All zero is the default, but for what finds faces. */
typedef struct viseme_dubber_options {
    viseme_crop_options crop; /**< what finds faces and which one is meant; its rate,
                                   landmarks_every, all_faces and on_no_face are not used */
    const int *box;           /**< [4] y1, y2, x1, x2 in pixels: the face is always there, nothing
                                   is searched, padded or smoothed; NULL: faces are searched */
    const int *pads; /**< [4] pixels added to the face's box above, below, left, right; NULL: 0,
                          10, 0, 0 */
    int no_smooth;   /**< 1: boxes are used as they are found; 0: the mean of five frames */
    viseme_blend blend;
    viseme_silence silence;
    viseme_dub_no_face on_no_face;
    int threads; /**< as in viseme_session_options */
    int batch;   /**< faces that the network makes at a time, 1 to 64; 0: 8. No influence on the
                      result beyond rounding */
    const viseme_model *sync_judge; /**< a SyncNet_color ("syncnet_color") that measures how well
                                         lips and speech agree before and after; NULL: nobody does.
                                         Must outlive the dubber */
} viseme_dubber_options;

/** A frame to dub. */
typedef struct viseme_dub_frame {
    viseme_image image; /**< must stay as it is until viseme_dubber_next() has given the frame out
                             or the dubber is closed */
    double time_s;      /**< of the speech, whose first sample is at 0; must not go back */
    int64_t source;     /**< -1; or a number of the picture, when pictures come more than once (a
                             clip that is played in a loop): its face is searched once. From 0,
                             new ones counted on by one */
    void *user;         /**< given back with the result */
} viseme_dub_frame;

/** A frame that is done. */
typedef struct viseme_dubbed {
    void *user;
    int changed;        /**< 1: the patch is to be pasted; 0: the frame stays as it is */
    viseme_patch patch; /**< lives until the next call on the dubber */
    int has_face;       /**< the chosen face is in the frame */
} viseme_dubbed;

/** What a dubber has done so far. */
typedef struct viseme_dubber_stats {
    int64_t frames, changed, without_face;
    int64_t silent;                 /**< left as they were because the speech was silent */
    double face_seconds;            /**< time spent finding faces */
    double net_seconds;             /**< in the network */
    double paste_seconds;           /**< cutting out faces and making patches */
    double judge_seconds;           /**< in the judge of sync */
    int64_t judged;                 /**< windows of five frames that were judged */
    double sync_before, sync_after; /**< mean cosine of the lips' and the speech's embeddings, 0 to
                                         1, of the frames as they were and as they are dubbed */
} viseme_dubber_stats;

/** Opens the task behind `viseme dub`: frames and speech in, patches with moved lips out.
 *  model  a Wav2Lip generator (viseme.arch "wav2lip"); must outlive the dubber.
 *  Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (of another network, a damaged
 *  cascade) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_dubber_open(viseme_dubber **out, const viseme_model *model,
                                            const viseme_dubber_options *opts, viseme_error *err);
VISEME_API void viseme_dubber_close(viseme_dubber *dubber);

/** Takes the next piece of the speech: mono, 16000 samples a second, -1 to 1. Frames wait inside
 *  until 0.3 s of speech after them are here, or its end. Returns VISEME_OK, VISEME_ERR_ARGUMENT
 *  (after its end) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_dubber_push_speech(viseme_dubber *dubber, const float *samples,
                                                   size_t count, viseme_error *err);
/** Says that there is no more speech. A later frame hears the last 0.2 s of it.
 *  Returns VISEME_OK, VISEME_ERR_INPUT (there was none at all) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_dubber_end_speech(viseme_dubber *dubber, viseme_error *err);

/** Takes the next frame. Take what is done with viseme_dubber_next() after every push and after
 *  finish, until it returns 0. Results come in the order of the frames and later than these: four
 *  frames for smoothing, and up to a batch more. At most 128 frames wait for speech: then a push
 *  is VISEME_ERR_ARGUMENT. Other failures: VISEME_ERR_NO_FACE (VISEME_DUB_FAIL),
 *  VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_dubber_push(viseme_dubber *dubber, const viseme_dub_frame *frame,
                                            viseme_error *err);
/** The next frame that is done: *ready is 1 and `out` filled, or 0. Runs the network when there
 *  is a batch for it. Returns VISEME_OK or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_dubber_next(viseme_dubber *dubber, viseme_dubbed *out, int *ready,
                                            viseme_error *err);
/** Says that there are no more frames. Returns VISEME_OK, VISEME_ERR_NO_FACE when no frame had a
 *  face, VISEME_ERR_INPUT when there was no frame, VISEME_ERR_ARGUMENT before
 *  viseme_dubber_end_speech() or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_dubber_finish(viseme_dubber *dubber, viseme_error *err);

/** Gap i without the chosen face, in order, by the times of the frames; of pictures that came
 *  more than once the first time: 1 and `gap` filled, or 0. */
VISEME_API int viseme_dubber_gap(const viseme_dubber *dubber, size_t i, viseme_gap *gap);
VISEME_API void viseme_dubber_get_stats(const viseme_dubber *dubber, viseme_dubber_stats *stats);

/* ---- Checking lip sync ------------------------------------------------------------------- */

typedef struct viseme_sync viseme_sync;

/** How an offset is read off the embeddings; docs/sync.md has sources and formulas. */
typedef enum viseme_sync_method {
    VISEME_SYNC_SYNCNET = 0,  /**< mean distance, sound beyond the ends counted as zeros: the
                                   evaluation of SyncNet, whose scores are LSE-D and LSE-C */
    VISEME_SYNC_E2E = 1,      /**< the classifier in the model's own file, slid over the video */
    VISEME_SYNC_CLS = 2,      /**< a classifier in a file of its own, likewise */
    VISEME_SYNC_DIAG = 3,     /**< mean cosine along the diagonals of the similarity matrix */
    VISEME_SYNC_BASELINE = 4, /**< as SYNCNET, between embeddings of length 1 */
    VISEME_SYNC_BEST = 5      /**< the one the model is best at: SYNCNET or DIAG */
} viseme_sync_method;

/** Why there is no offset. */
typedef enum viseme_sync_reason {
    VISEME_SYNC_KNOWN = 0,
    VISEME_SYNC_NO_FACE = 1,
    VISEME_SYNC_NO_SOUND = 2,
    VISEME_SYNC_NO_SPEECH = 3, /**< less than 0.4 s of sound that may be speech beside a face */
    VISEME_SYNC_TOO_SHORT = 4, /**< too few pictures of a face in a row */
    VISEME_SYNC_FLAT = 5,      /**< no offset stands out from the others */
    VISEME_SYNC_AT_EDGE = 6    /**< the best offset is the last one tried: look further */
} viseme_sync_reason;

/** Options of viseme_sync_open(). All zero is the default, but for what finds faces. */
typedef struct viseme_sync_options {
    viseme_crop_options crop; /**< what finds faces, and whose: all of them with `all_faces`, up to
                                   16 at a time; its rate and on_no_face are not used */
    const viseme_model *classifier; /**< for VISEME_SYNC_CLS ("synce2e_cls"), or NULL; must outlive
                                         the object */
    double range_ms; /**< offsets from -range_ms to range_ms are tried, up to 4000; 0: 600 */
    double window_s; /**< of the offsets over time, 1 to 600; 0: 10 */
    int threads;     /**< as in viseme_session_options */
} viseme_sync_options;

/** What one method makes of the whole input. Offsets are of the sound: above 0 it is early, before
 *  the lips; to repair that, delay it by as much. */
typedef struct viseme_sync_result {
    viseme_sync_method method;
    viseme_sync_reason reason; /**< VISEME_SYNC_KNOWN, or why the offset is unknown; the numbers are
                                    then the best guess, 0 without any */
    double offset_ms;          /**< between frames by interpolation */
    int offset_frames;         /**< of 40 ms, the best whole one */
    double confidence;   /**< median cost minus lowest one; of classifiers a probability, 0 to 1 */
    double prominence;   /**< by how many standard errors the offset stands out of all rows: above 4
                              hardly ever by chance; of several faces the largest */
    double range_ms;     /**< what was tried, which may be less than was asked for */
    int range_limit;     /**< why: 0 it is not less; 1 the method cannot; 2 the clip is too short */
    double lse_d, lse_c; /**< scores of SyncNet's evaluation, range 15 frames, means over the faces;
                              NaN without any */
    int has_drift;       /**< 0: too little to tell */
    double drift_ms_per_min;
    double drift_start_ms;            /**< with a drift, the offset at time 0 by it */
    double start_s, duration_s;       /**< time of the first frame; of all */
    double face_s, speech_s;          /**< seconds with a face; with sound that may be speech */
    int64_t frames;                   /**< pushed */
    size_t faces;                     /**< viseme_sync_get_face() has so many, */
    size_t windows;                   /**< viseme_sync_get_window(), */
    size_t steps;                     /**< viseme_sync_get_step(), */
    size_t spans;                     /**< and viseme_sync_get_span() */
    double face_seconds, net_seconds; /**< time spent finding faces, and in networks */
} viseme_sync_result;

/** A face that was followed. */
typedef struct viseme_sync_face {
    viseme_track track;
    viseme_face box;           /**< in the middle of the track: box and id only */
    int64_t rows;              /**< windows of five pictures that were compared with sound */
    viseme_sync_reason reason; /**< as in the result, of this face alone, likewise all below */
    double offset_ms;
    double confidence, prominence;
    double lse_d, lse_c;
    double speaking_s; /**< time in which it is the one that speaks */
} viseme_sync_face;

/** The offset in a stretch of time. */
typedef struct viseme_sync_window {
    double start_s, end_s;
    int face;  /**< id of the face */
    int known; /**< 0: no speech, or no offset stands out */
    double offset_ms, confidence, prominence;
} viseme_sync_window;

/** A change of the offset at once. */
typedef struct viseme_sync_step {
    double time_s;              /**< the most likely time */
    double from_s, to_s;        /**< it lies between these */
    double before_ms, after_ms; /**< the offsets on both sides */
} viseme_sync_step;

/** A stretch in which a face speaks. */
typedef struct viseme_sync_span {
    int face; /**< id */
    double start_s, end_s;
} viseme_sync_span;

/** Opens the task that compares lips with sound.
 *  model  a SyncNet (viseme.arch "syncnet") or one of the end-to-end kind ("synce2e"); must outlive
 *         the object.
 *  Returns VISEME_OK, VISEME_ERR_ARGUMENT, VISEME_ERR_MODEL (of another network, a damaged
 *  cascade) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_sync_open(viseme_sync **out, const viseme_model *model,
                                          const viseme_sync_options *opts, viseme_error *err);
VISEME_API void viseme_sync_close(viseme_sync *sync);

/** Takes the next frame; times as in viseme_cropper_push(). */
VISEME_API viseme_status viseme_sync_push(viseme_sync *sync, const viseme_image *frame,
                                          double seconds, viseme_error *err);
/** Takes the next sound: mono, 16000 samples a second, -1 to 1, the first sample at the time of the
 *  first frame. Frames and sound may come in any order; what one is ahead of the other is held, 4
 * KB for 40 ms and face or 64 KB a second of sound, so push them side by side. For good are held
 * some 300 bytes for 40 ms and face. */
VISEME_API viseme_status viseme_sync_push_sound(viseme_sync *sync, const float *samples,
                                                size_t count, viseme_error *err);
/** Says that there is no more of either. Returns VISEME_OK (also where nothing can be told),
 *  VISEME_ERR_INPUT (no frame) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_sync_finish(viseme_sync *sync, viseme_error *err);

/** What a method makes of it, after viseme_sync_finish(); the getters below then tell about this
 *  method. Returns VISEME_OK (also where nothing can be told), VISEME_ERR_ARGUMENT (not finished,
 * no classifier) or VISEME_ERR_NOMEM. */
VISEME_API viseme_status viseme_sync_measure(viseme_sync *sync, viseme_sync_method method,
                                             viseme_sync_result *out, viseme_error *err);
/** The cost of every whole offset, ascending from `*first` frames on, *count of them; lower is
 *  likelier. Lives until the next measurement; NULL when there is none. */
VISEME_API const double *viseme_sync_curve(const viseme_sync *sync, int *first, size_t *count);
/** Items of the last measurement, in order of time: 1 and filled, or 0. */
VISEME_API int viseme_sync_get_face(const viseme_sync *sync, size_t i, viseme_sync_face *face);
VISEME_API int viseme_sync_get_window(const viseme_sync *sync, size_t i,
                                      viseme_sync_window *window);
VISEME_API int viseme_sync_get_step(const viseme_sync *sync, size_t i, viseme_sync_step *step);
VISEME_API int viseme_sync_get_span(const viseme_sync *sync, size_t i, viseme_sync_span *span);
/** Cosines of the pictures of face i with the sound around them: [rows columns], NaN where there is
 *  none; row r begins at *start_s + r / 25, column c is of sound (c - columns / 2) frames later.
 *  Lives as long as the object; NULL when there is no such face. */
VISEME_API const float *viseme_sync_similarity(const viseme_sync *sync, size_t i, size_t *rows,
                                               size_t *columns, double *start_s);

#ifdef __cplusplus
}
#endif
#endif
