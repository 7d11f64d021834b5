// Times oneDNN's matrix product as an inference engine uses it: weights in the layout the library asks for, put there
// beforehand, everything else row-major, no allocation in the timed part.
//
// usage: product_onednn PRECISION SECONDS MxNxK…     PRECISION: f32, bf16 (to f32), u8s8, s8s8 (to s32), f16 (to f32)
//
// Prints for each size "PRECISION MxNxK MEDIAN_SECONDS BEST_SECONDS REPETITIONS", or "PRECISION MxNxK unsupported
// REASON". It uses as many threads as OMP_NUM_THREADS says.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

using dnnl::memory;
using type = memory::data_type;
using layout = memory::format_tag;

namespace {

struct precision {
    const char *name;
    type source, weights, destination;
};
const precision precisions[] = {
    {"f32", type::f32, type::f32, type::f32}, {"bf16", type::bf16, type::bf16, type::f32},
    {"f16", type::f16, type::f16, type::f32}, {"u8s8", type::u8, type::s8, type::s32},
    {"s8s8", type::s8, type::s8, type::s32},
};

struct shape {
    memory::dim m, n, k;
};

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Random bits that are numbers between 1 and 2 or -1 and -2 in bf16 and f32, and anything as 8-bit integers.
/// Threads fill what they will probably read: pages lie near who touches them first.
void randomise(memory &to) {
    const type kind = to.get_desc().get_data_type();
    auto *bytes = static_cast<uint8_t *>(to.get_data_handle());
    const auto count = static_cast<long long>(to.get_desc().get_size());
#pragma omp parallel for schedule(static)
    for (long long i = 0; i < count; i++) {
        auto hash = static_cast<uint32_t>(i) * 2654435761u;
        hash ^= hash >> 15;
        hash *= 2246822519u;
        bytes[i] = static_cast<uint8_t>(hash >> 24);
        const size_t width = memory::data_type_size(kind);
        const bool top = static_cast<size_t>(i) % width == width - 1;
        if (kind != type::u8 && kind != type::s8 && top)
            bytes[i] = (bytes[i] & 0x80) | (kind == type::f16 ? 0x3c : 0x3f);
    }
}

struct timing {
    double median, best;
    size_t repetitions;
};

// The median of batches of about 0.1 s, as long as nodewatt's: what interrupts the processors for a moment counts for
// both alike. The median of single executions would leave it out for one of the two.
template <typename Body> timing repeat(double seconds, Body body) {
    body();
    const double first = now();
    body();
    const auto batch = static_cast<size_t>(std::max(1.0, 0.1 / (now() - first)));
    std::vector<double> times;
    for (double start = now(); times.size() < 5 || now() - start < seconds;) {
        const double begin = now();
        for (size_t i = 0; i < batch; i++) body();
        times.push_back((now() - begin) / static_cast<double>(batch));
    }
    std::sort(times.begin(), times.end());
    return {times[times.size() / 2], times.front(), batch * times.size()};
}

timing measure(const precision &p, const shape &s, double seconds) {
    dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    memory::desc a({s.m, s.k}, p.source, layout::ab), plain({s.k, s.n}, p.weights, layout::ab);
    memory::desc any({s.k, s.n}, p.weights, layout::any), c({s.m, s.n}, p.destination, layout::ab);
    dnnl::matmul::primitive_desc description(engine, a, any, c);
    dnnl::matmul product(description);
    memory source(a, engine), rows(plain, engine), weights(description.weights_desc(), engine), result(c, engine);
    randomise(source);
    randomise(rows);
    dnnl::reorder(rows, weights).execute(stream, rows, weights);
    stream.wait();
    const std::unordered_map<int, memory> arguments = {
        {DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, result}};
    return repeat(seconds, [&] {
        product.execute(stream, arguments);
        stream.wait();
    });
}

} // namespace

int main(int count, char **arguments) {
    const precision *chosen = nullptr;
    for (const auto &p : precisions)
        if (count > 3 && std::strcmp(p.name, arguments[1]) == 0) chosen = &p;
    const double seconds = count > 3 ? std::atof(arguments[2]) : 0;
    if (!chosen || !(seconds > 0)) {
        std::fprintf(stderr, "usage: product_onednn f32|bf16|f16|u8s8|s8s8 SECONDS MxNxK…\n");
        return 64;
    }
    for (int i = 3; i < count; i++) {
        long long m = 0, n = 0, k = 0;
        if (std::sscanf(arguments[i], "%lldx%lldx%lld", &m, &n, &k) != 3 || m < 1 || n < 1 || k < 1) {
            std::fprintf(stderr, "product_onednn: %s: expected MxNxK\n", arguments[i]);
            return 64;
        }
        try {
            const timing t = measure(*chosen, {m, n, k}, seconds);
            std::printf("%s %s %.9e %.9e %zu\n", chosen->name, arguments[i], t.median, t.best, t.repetitions);
        } catch (const dnnl::error &error) {
            std::printf("%s %s unsupported %s\n", chosen->name, arguments[i], error.what());
        }
    }
    return 0;
}
