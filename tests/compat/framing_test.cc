// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever bytes arrive, the stream of bytes that goes back is the oracle's, and ends where
// the oracle's ends. Method: each input is sent on a fresh connection that is then half closed, so
// both servers end the stream; a table of the known traps first, seeded damage to a good pipeline
// after it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "compat/random.h"
#include "support/server_process.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kDamagedInputs = 1500;
constexpr std::uint64_t kFirstSeed = 1;
constexpr std::size_t kShownFailures = 15;

std::string answer(const ServerProcess& server, std::string_view input) {
    RawSocket socket = server.connect();
    // A server that closes early may reset the connection; what it said before counts.
    socket.send_while_reading(input);
    socket.shutdown_write();
    return socket.read_to_end();
}

class FramingTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        oracle_ = new ServerProcess(ServerOptions{.binary = oracle_binary()});
        subject_ = new ServerProcess(ServerOptions{.threads = 2});
    }
    static void TearDownTestSuite() {
        delete oracle_;
        delete subject_;
    }
    void SetUp() override {
        ASSERT_TRUE(oracle_->is_ready()) << oracle_->log();
        ASSERT_TRUE(subject_->is_ready()) << subject_->log();
    }

    /// True when both answer alike; else the failure is recorded.
    static bool expect_same_answer(std::string_view input) {
        answer(*oracle_, "FLUSHALL\r\n");
        answer(*subject_, "FLUSHALL\r\n");
        const std::string expected = answer(*oracle_, input);
        const std::string actual = answer(*subject_, input);
        EXPECT_EQ(quote(expected), quote(actual)) << "input " << quote(input.substr(0, 400));
        return expected == actual;
    }

    static ServerProcess* oracle_;
    static ServerProcess* subject_;
};

ServerProcess* FramingTest::oracle_ = nullptr;
ServerProcess* FramingTest::subject_ = nullptr;

TEST_F(FramingTest, KnownTraps) {
    const std::vector<std::string> inputs{
        "\r\nPING\r\n",
        "\nPING\n",
        "*0\r\nPING\r\n",
        "*-10\r\nPING\r\n",
        "*-1\r\n*1\r\n$4\r\nPING\r\n",
        "*3000000000\r\nPING\r\n",
        "*2147483648\r\n",
        "*1048577\r\n",
        "*2147483647\r\n",
        "*x\r\nPING\r\n",
        "*\r\nPING\r\n",
        "* 1\r\n$4\r\nPING\r\n",
        "*+1\r\n$4\r\nPING\r\n",
        "*01\r\n$4\r\nPING\r\n",
        "*1 \r\n$4\r\nPING\r\n",
        "*1\n$4\r\nPING\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n\r\n",
        "*1\r\n$-10\r\nPING\r\n",
        "*2\r\n$4\r\nECHO\r\n$-1\r\nPING\r\n",
        "*2\r\n$4\r\nECHO\r\n$2000000000\r\n",
        "*2\r\n$4\r\nECHO\r\n$536870913\r\n",
        "*2\r\n$4\r\nECHO\r\n$abc\r\n",
        "*2\r\n$4\r\nECHO\r\n$\r\n",
        "*2\r\n$4\r\nECHO\r\n$ 1\r\nx\r\n",
        "*2\r\n$4\r\nECHO\r\n$01\r\nx\r\n",
        "*2\r\n$4\r\nECHO\r\n$99999999999999999999\r\n",
        "*2\r\n$4\r\nECHO\r\n$0\r\n\r\nPING\r\n",
        "*2\r\n$4\r\nECHO\r\n$3\r\nabcdePING\r\n",
        "*2\r\n$4\r\nECHO\r\n$3\r\nab\r\n\r\nPING\r\n",
        "*1\r\n$4\r\nPING\r\xf4PING\r\n",
        "*1\r\xf4$4\r\nPING\r\n",
        "*0\r\n$5\r\nNOSUC\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\xf4)1\r\n$4\r\nPING\r\n",
        "\0"s + "PING\r\n",
        "*\0\r\nPING\r\n"s,
        "\0"s + std::string(1024, 'A'),
        "*\0"s + std::string(70'000, 'A'),
        "$\0"s + std::string(70'000, 'A'),
        std::string(64 * 1024 + 1, 'A'),
        "*1\r\n$" + std::string(70'000, '1'),
        "*" + std::string(70'000, '1'),
        "SET a \"b\r\nPING\r\n",
        "SET a 'b\r\n",
        "SET a \"b\"c\r\n",
        "SET a \"\\x41\\n\\q\\\"\"\r\nGET a\r\n",
        "SET a 'it\\'s \\n'\r\nGET a\r\n",
        "SET a \"\"\r\nGET a\r\n",
        "  SET   a   b  \r\n\tGET\ta\r\n",
        "SET a b\nGET a\n",
        "PING\0x\r\nPING\r\n"s,
        "POST / HTTP/1.1\r\nPING\r\n",
        "host: x\r\nPING\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "PING\r\nSET a 1\r\nPOST /\r\nPING\r\n",
        "*1\r\n$4\r\nPING\r\nHost: x\r\n",
        "*1\r\n$4\r\nPOST\r\n*1\r\n$4\r\nPING\r\n",
        "*2\r\n$5\r\nHost:\r\n$1\r\nx\r\nPING\r\n",
        "QUIT\r\nPING\r\n",
        "PING\r\nQUIT\r\nPING\r\nPING\r\n",
        "*1\r\n$4\r\nQUIT\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*2\r\n$9\r\nno\r\nsuch\r\n\r\n$1\r\nx\r\n",
        "*1\r\n$0\r\n\r\nPING\r\n",
        "PI",
        "*1\r\n$4\r\nPI",
        "*2\r\n$4\r\nECHO\r\n",
        "",
    };
    for (const std::string& input : inputs) expect_same_answer(input);
}

std::string good_pipeline(Random& random) {
    std::string bytes;
    const std::size_t count = 1 + random.below(5);
    for (std::size_t i = 0; i < count; ++i) {
        switch (random.below(5)) {
            case 0:
                bytes += "PING\r\n";
                break;
            case 1:
                bytes += encode({"SET", "a", random.pick({"1", "", "x\r\ny", "$3\r\nabc"})});
                break;
            case 2:
                bytes += encode({"ECHO", std::string(random.below(40), 'e')});
                break;
            case 3:
                bytes += "SET b \"q\\x20uote\"\r\n";
                break;
            default:
                bytes += encode({"MGET", "a", "b", "c"});
                break;
        }
    }
    return bytes;
}

void damage(Random& random, std::string& bytes) {
    const std::size_t times = 1 + random.below(2);
    for (std::size_t i = 0; i < times && !bytes.empty(); ++i) {
        const std::size_t at = random.below(bytes.size());
        switch (random.below(4)) {
            case 0:
                bytes.erase(at, 1);
                break;
            case 1:
                bytes.insert(at, 1, bytes[random.below(bytes.size())]);
                break;
            case 2:
                bytes[at] =
                    random.pick({"\r", "\n", "*", "$", "-", "0", "9", "\"", "\xf4", " "})[0];
                break;
            default:
                bytes.insert(at, bytes.substr(random.below(bytes.size()), 1 + random.below(6)));
                break;
        }
    }
}

TEST_F(FramingTest, DamagedPipelines) {
    const char* replay = std::getenv("GYRE_SEED");
    const std::uint64_t first = replay != nullptr ? std::strtoull(replay, nullptr, 10) : kFirstSeed;
    const std::uint64_t count = replay != nullptr ? 1 : kDamagedInputs;
    std::size_t failures = 0;
    for (std::uint64_t seed = first; seed < first + count && failures < kShownFailures; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        Random random(seed * 7919);
        std::string bytes = good_pipeline(random);
        damage(random, bytes);
        if (!expect_same_answer(bytes)) ++failures;
    }
}

}  // namespace
}  // namespace gyre::test
