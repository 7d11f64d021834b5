// What llama.cpp computes from a model file and some tokens, for comparison with nodewatt; see setup_llama.sh.
//
// usage: llama_logits MODEL.gguf TOKENS GENERATE THREADS LOGITS
//
// TOKENS is a file of token numbers separated by blanks, commas or lines, `-` for standard input. Writes to the file
// LOGITS the logits of all their positions, little-endian f32, a row of the whole vocabulary for each; `-` writes none.
// Then generates GENERATE tokens, each the one with the largest logit, the first of equals. Prints one line of JSON:
// `vocabulary`, `positions`, `top` (the token with the largest logit of each position), `generated`.
//
// Keys and values are cached as f16, attention is computed without the fused kernel, and nothing leaves the processors.
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llama.h"

enum { done = 0, refused = 2, wrong_usage = 64, wrong_input = 65, most_tokens = 1 << 20, largest_batch = 512 };

/// Everything that is open, so that there is one way out.
struct run {
    struct llama_model *model;
    struct llama_context *context;
    struct llama_batch batch;
    FILE *logits;
    llama_token *tokens;
    int32_t count, generate, vocabulary;
    llama_token *top;
};

static int fail(int status, const char *what, const char *why) {
    fprintf(stderr, "llama_logits: %s: %s\n", what, why);
    return status;
}

/// llama.cpp tells its progress; only what went wrong is of interest.
static void log_errors(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static bool whole_number(const char *text, long least, long most, int32_t *number) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most) return false;
    *number = (int32_t)value;
    return true;
}

static int read_tokens(struct run *run, const char *path) {
    FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
    if (!file) return fail(wrong_input, path, strerror(errno));
    int status = done, found = 0;
    long value;
    run->tokens = malloc(most_tokens * sizeof *run->tokens);
    if (!run->tokens) status = fail(refused, path, "out of memory");
    while (status == done && (found = fscanf(file, "%ld%*[, \t\r\n]", &value)) == 1) {
        if (value < 0 || value >= run->vocabulary) status = fail(wrong_input, path, "a token outside the vocabulary");
        else if (run->count == most_tokens) status = fail(wrong_input, path, "too many tokens");
        else run->tokens[run->count++] = (llama_token)value;
    }
    if (status == done && found != EOF) status = fail(wrong_input, path, "expected token numbers");
    if (status == done && run->count == 0) status = fail(wrong_input, path, "no tokens");
    if (file != stdin) fclose(file);
    return status;
}

static int open_model(struct run *run, const char *path) {
    struct llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    run->model = llama_model_load_from_file(path, params);
    if (!run->model) return fail(wrong_input, path, "llama.cpp does not load it");
    run->vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(run->model));
    return done;
}

static int open_context(struct run *run, int32_t threads) {
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t)(run->count + run->generate);
    params.n_batch = params.n_ubatch = largest_batch;
    params.n_threads = params.n_threads_batch = threads;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = GGML_TYPE_F16;
    params.offload_kqv = params.op_offload = false;
    run->context = llama_init_from_model(run->model, params);
    run->batch = llama_batch_init(largest_batch, 0, 1);
    run->top = malloc((size_t)(run->count + run->generate) * sizeof *run->top);
    if (!run->context || !run->batch.token || !run->top) return fail(refused, "context", "llama.cpp makes none");
    return done;
}

static llama_token largest(const float *logits, int32_t count) {
    llama_token best = 0;
    for (int32_t i = 1; i < count; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

/// Passes tokens at positions from `first` on through the model; `top` gets the best token after each.
static int decode(struct run *run, const llama_token *tokens, int32_t first, int32_t count, FILE *logits) {
    run->batch.n_tokens = count;
    for (int32_t i = 0; i < count; i++) {
        run->batch.token[i] = tokens[i];
        run->batch.pos[i] = first + i;
        run->batch.n_seq_id[i] = 1;
        run->batch.seq_id[i][0] = 0;
        run->batch.logits[i] = 1;
    }
    if (llama_decode(run->context, run->batch)) return fail(refused, "llama_decode", "failed");
    for (int32_t i = 0; i < count; i++) {
        const float *row = llama_get_logits_ith(run->context, i);
        if (!row) return fail(refused, "llama_get_logits_ith", "has no logits");
        run->top[first + i] = largest(row, run->vocabulary);
        if (logits && fwrite(row, sizeof *row, (size_t)run->vocabulary, logits) != (size_t)run->vocabulary)
            return fail(refused, "logits", strerror(errno));
    }
    return done;
}

static int compute(struct run *run) {
    for (int32_t first = 0; first < run->count; first += largest_batch) {
        int32_t left = run->count - first;
        int status = decode(run, run->tokens + first, first, left < largest_batch ? left : largest_batch, run->logits);
        if (status != done) return status;
    }
    // The last token chosen is not passed through the model any more.
    for (int32_t i = 0; i + 1 < run->generate; i++) {
        int32_t position = run->count + i;
        int status = decode(run, &run->top[position - 1], position, 1, NULL);
        if (status != done) return status;
    }
    return done;
}

static void print_tokens(const char *name, const llama_token *tokens, int32_t count) {
    printf(", \"%s\": [", name);
    for (int32_t i = 0; i < count; i++) printf("%s%" PRId32, i ? ", " : "", tokens[i]);
    printf("]");
}

static int present(const struct run *run) {
    printf("{\"vocabulary\": %" PRId32 ", \"positions\": %" PRId32, run->vocabulary, run->count);
    print_tokens("top", run->top, run->count);
    print_tokens("generated", run->top + run->count - 1, run->generate);
    printf("}\n");
    return fflush(stdout) ? fail(refused, "standard output", strerror(errno)) : done;
}

static int run_all(struct run *run, char **argv, int32_t threads) {
    int status = open_model(run, argv[1]);
    if (status == done) status = read_tokens(run, argv[2]);
    if (status == done) status = open_context(run, threads);
    if (status == done && strcmp(argv[5], "-")) {
        run->logits = fopen(argv[5], "wb");
        if (!run->logits) return fail(refused, argv[5], strerror(errno));
    }
    if (status == done) status = compute(run);
    if (run->logits && fclose(run->logits) && status == done) status = fail(refused, argv[5], strerror(errno));
    return status == done ? present(run) : status;
}

int main(int argc, char **argv) {
    struct run run = {0};
    int32_t threads = 0;
    if (argc != 6 || !whole_number(argv[3], 0, most_tokens, &run.generate) ||
        !whole_number(argv[4], 1, 1024, &threads)) {
        fputs("usage: llama_logits MODEL.gguf TOKENS|- GENERATE THREADS LOGITS|-\n", stderr);
        return wrong_usage;
    }
    llama_log_set(log_errors, NULL);
    llama_backend_init();
    int status = run_all(&run, argv, threads);
    if (run.context) llama_batch_free(run.batch), llama_free(run.context);
    if (run.model) llama_model_free(run.model);
    llama_backend_free();
    free(run.tokens);
    free(run.top);
    return status;
}
