/*
 * The functions of zlib that this addon calls. zlib is inside the Node.js program, or linked to it; Node.js exports it
 * for addons. We declare them here for the same reason as those in openssl.h, and scripts/native/sanitize.sh compares
 * them with the real header.
 */
#ifndef KAFKA_ENVELOPE_ZLIB_H
#define KAFKA_ENVELOPE_ZLIB_H

/* zlib's own header has its own type. */
#ifndef ZLIB_H
#define Z_OK 0
#define Z_STREAM_END 1
#define Z_FINISH 4
#define Z_DEFLATED 8
#define Z_DEFAULT_STRATEGY 0
/* zlib compares the first digit with its own, and the size of the stream. */
#define ZLIB_VERSION "1"

typedef struct z_stream_s {
  const unsigned char *next_in;
  unsigned avail_in;
  unsigned long total_in;
  unsigned char *next_out;
  unsigned avail_out;
  unsigned long total_out;
  const char *msg;
  struct internal_state *state;
  void *(*zalloc)(void *opaque, unsigned items, unsigned size);
  void (*zfree)(void *opaque, void *address);
  void *opaque;
  int data_type;
  unsigned long adler, reserved;
} z_stream;
#endif

int deflateInit2_(z_stream *stream, int level, int method, int window_bits, int memory_level, int strategy,
                  const char *version, int stream_size);
int deflateSetDictionary(z_stream *stream, const unsigned char *dictionary, unsigned length);
int deflateCopy(z_stream *target, z_stream *source);
int deflate(z_stream *stream, int flush);
int deflateEnd(z_stream *stream);
int inflateInit2_(z_stream *stream, int window_bits, const char *version, int stream_size);
int inflateSetDictionary(z_stream *stream, const unsigned char *dictionary, unsigned length);
int inflate(z_stream *stream, int flush);
int inflateEnd(z_stream *stream);

#endif
