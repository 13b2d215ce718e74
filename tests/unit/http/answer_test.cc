// SPDX-License-Identifier: BSD-3-Clause

// Goal: what each endpoint answers, without sockets: requests are taken apart by the parser and run
// on a data set by the dispatcher.

#include "http/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands/password.h"
#include "commands/registry.h"
#include "commands/transaction_book.h"
#include "http/command_rule.h"
#include "http/endpoint.h"
#include "http/json_value.h"
#include "http/request_parser.h"
#include "resp/reply_parser.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What the connection does, but for what waits.
class RunnerBackend final : public http::Backend {
public:
    RunnerBackend() { runner.use_resp3(); }

    ring::Task<Reply> run(Words words) override {
        if (before_run) before_run(words);
        Reply reply = execute(words);
        co_return reply;
    }
    ring::Task<Reply> run_own(Words words) override {
        if (before_own) before_own(words);
        Reply reply = execute(words);
        co_return reply;
    }
    bool is_password(std::string_view text) const override {
        return commands::is_password(runner.services().configuration, text);
    }
    bool is_authenticated() const override {
        return runner_is_open || runner_session().is_authenticated;
    }
    Result<void> enter_transaction(std::string_view token) override {
        commands::Session& session = runner.session();
        using Lent = commands::TransactionBook::Lent;
        const Lent lent = book.take(token, session.interactive);
        if (lent != Lent::yes) {
            return fail(lent == Lent::busy ? "TRYAGAIN busy" : "NOTRANSACTION unknown");
        }
        session.set_mode(commands::Session::kInteractive, true);
        token_ = token;
        return {};
    }
    bool is_in_transaction() const override {
        return runner_session().mode(commands::Session::kInteractive);
    }
    ring::Task<Result<std::string>> begin_transaction() override {
        const std::string_view words[] = {"BEGIN"};
        const Reply reply = execute(words);
        if (reply.is_error()) co_return fail(reply.text);
        token_ = *book.add(SIZE_MAX);
        co_return token_;
    }
    void leave_transaction() {
        if (token_.empty()) return;
        commands::Session& session = runner.session();
        if (!session.interactive) {
            book.forget(token_);
        } else {
            session.set_mode(commands::Session::kInteractive, false);
            book.give_back(token_, std::move(session.interactive), runner.now_ms(),
                           runner.services().executor);
        }
        token_.clear();
    }
    ~RunnerBackend() override { book.close(runner.services().executor); }
    bool is_ready() const override { return ready; }
    std::string metrics() override { return "gyre_info 1\n"; }

    mutable CommandRunner runner;
    std::function<void(Words)> before_run;
    std::function<void(Words)> before_own;
    commands::TransactionBook book;
    bool ready = true;
    bool runner_is_open = true;

private:
    std::string token_;
    commands::Session& runner_session() const { return runner.session(); }
    Reply execute(Words words) {
        const std::string bytes = runner.run(words);
        resp::ReplyParser parser;
        std::string_view rest = bytes;
        const auto reply = parser.parse(rest);
        EXPECT_TRUE(reply && *reply) << bytes;
        return reply && *reply ? **reply : Reply{};
    }
};

class HttpAnswerTest : public ::testing::Test {
protected:
    http::Response ask(std::string_view text) {
        http::RequestParser parser;
        auto status = parser.parse(text, {});
        if (status == http::RequestParser::Status::head) status = parser.parse(text, {});
        EXPECT_EQ(status, http::RequestParser::Status::complete);
        std::optional<http::Response> response;
        const http::Request& request = parser.request();
        auto run = [](http::Backend& backend, const http::Request& asked,
                      const http::GuardSettings& settings,
                      std::optional<http::Response>& into) -> ring::Task<void> {
            http::Admission admission = co_await http::admit(backend, asked, settings);
            into = co_await http::answer(backend, asked, admission);
        };
        ring::Task<void> task = run(backend_, request, settings_, response);
        EXPECT_TRUE(task.run_at_once());
        commands::discard_transaction(backend_.runner.session(), backend_.runner.services());
        backend_.leave_transaction();
        backend_.runner.session().database = 0;
        return response.value_or(http::Response{.status = 0});
    }
    http::Response get(std::string_view target, std::string_view fields = "") {
        return send("GET", target, fields, "");
    }
    http::Response send(std::string_view method, std::string_view target, std::string_view fields,
                        std::string_view body) {
        std::string text = std::string(method) + " " + std::string(target) +
                           " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields);
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
        return ask(text);
    }
    http::Response json(std::string_view method, std::string_view target, std::string_view body,
                        std::string_view fields = "") {
        return send(method, target, "Content-Type: application/json\r\n" + std::string(fields),
                    body);
    }
    std::string run(std::initializer_list<std::string_view> words) {
        return backend_.runner.run(words);
    }
    static std::string field(const http::Response& response, std::string_view name) {
        for (const auto& [one, value] : response.fields) {
            if (one == name) return value;
        }
        return "";
    }

    RunnerBackend backend_;
    http::GuardSettings settings_;
};

TEST_F(HttpAnswerTest, reads_a_string) {
    run({"SET", "k", "hi", "PX", "5000"});
    const auto text = get("/v1/keys/k");
    EXPECT_EQ(text.status, 200);
    EXPECT_EQ(text.body, "\"hi\"");
    EXPECT_EQ(field(text, "Gyre-Type"), "string");
    EXPECT_EQ(field(text, "Gyre-Ttl-Ms"), "5000");
    const auto bytes = get("/v1/keys/k", "Accept: application/octet-stream\r\n");
    EXPECT_EQ(bytes.body, "hi");
    EXPECT_EQ(bytes.content_type, "application/octet-stream");
    EXPECT_NE(field(bytes, "ETag"), field(text, "ETag"));
    EXPECT_EQ(get("/v1/keys/other").status, 404);
    run({"SET", "b", "\xff\x00"});
    EXPECT_EQ(get("/v1/keys/b").body, R"({"base64":"/w=="})");
}

TEST_F(HttpAnswerTest, reads_collections) {
    run({"RPUSH", "l", "a", "b"});
    run({"HSET", "h", "f", "v"});
    run({"HSET", "raw", "\xff", "v"});
    run({"SADD", "s", "1"});
    run({"ZADD", "z", "1.5", "m", "inf", "n"});
    run({"XADD", "x", "1-1", "f", "v"});
    EXPECT_EQ(get("/v1/keys/l").body, R"(["a","b"])");
    EXPECT_EQ(get("/v1/keys/h").body, R"({"f":"v"})");
    EXPECT_EQ(get("/v1/keys/raw").body, R"([[{"base64":"/w=="},"v"]])");
    EXPECT_EQ(get("/v1/keys/s").body, R"(["1"])");
    EXPECT_EQ(get("/v1/keys/z").body, R"([["m",1.5],["n","inf"]])");
    EXPECT_EQ(get("/v1/keys/x").body, R"([["1-1",["f","v"]]])");
    EXPECT_EQ(get("/v1/keys/l", "Accept: application/octet-stream\r\n").status, 406);
    EXPECT_EQ(field(get("/v1/keys/z"), "Gyre-Type"), "zset");
}

TEST_F(HttpAnswerTest, writes_values) {
    EXPECT_EQ(json("PUT", "/v1/keys/s", "\"text\"").status, 201);
    EXPECT_EQ(json("PUT", "/v1/keys/s", "12", "Gyre-Ttl-Ms: 1500\r\n").status, 204);
    EXPECT_EQ(run({"GET", "s"}), "$2\r\n12\r\n");
    EXPECT_EQ(run({"PTTL", "s"}), ":1500\r\n");
    EXPECT_EQ(json("PUT", "/v1/keys/s?ttl=keep", R"({"base64":"/wA="})").status, 204);
    EXPECT_EQ(run({"GET", "s"}), std::string("$2\r\n\xff\0\r\n", 8));
    EXPECT_EQ(run({"PTTL", "s"}), ":1500\r\n");
    EXPECT_EQ(send("PUT", "/v1/keys/a%2F%00?ttl=2", "Content-Type: application/octet-stream\r\n",
                   "raw\r\n")
                  .status,
              201);
    EXPECT_EQ(run({"GET", std::string_view("a/\0", 3)}), "$5\r\nraw\r\n\r\n");
    EXPECT_EQ(json("PUT", "/v1/keys/l", R"(["a", 1, 2.50])").status, 201);
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), "*3\r\n$1\r\na\r\n$1\r\n1\r\n$4\r\n2.50\r\n");
    EXPECT_EQ(json("PUT", "/v1/keys/l?type=set&ttl_ms=9000", R"(["x"])").status, 204);
    EXPECT_EQ(run({"TYPE", "l"}), "+set\r\n");
    EXPECT_EQ(run({"PTTL", "l"}), ":9000\r\n");
    EXPECT_EQ(json("PUT", "/v1/keys/h", R"({"a":"1","b":2})").status, 201);
    EXPECT_EQ(run({"HGET", "h", "b"}), "$1\r\n2\r\n");
    EXPECT_EQ(
        json("PUT", "/v1/keys/z", R"([["m", 1.5], ["n", "-inf"]])", "Gyre-Type: zset\r\n").status,
        201);
    EXPECT_EQ(run({"ZRANGE", "z", "0", "-1"}), "*2\r\n$1\r\nn\r\n$1\r\nm\r\n");
}

TEST_F(HttpAnswerTest, a_write_that_is_refused_changes_nothing) {
    run({"SET", "k", "old"});
    for (const auto& [target, body] : std::initializer_list<std::pair<const char*, const char*>>{
             {"/v1/keys/k?type=zset", R"([["m","x"]])"},
             {"/v1/keys/k?type=zset", R"([["m","nan"]])"},
             {"/v1/keys/k", "[]"},
             {"/v1/keys/k", "true"},
             {"/v1/keys/k", "{"},
             {"/v1/keys/k?type=stream", "[]"},
             {"/v1/keys/k?type=set", "\"a\""},
             {"/v1/keys/k?type=set&ttl=keep", R"(["a"])"},
             {"/v1/keys/k?ttl=0", "\"a\""},
             {"/v1/keys/k?ttl=x", "\"a\""},
             {"/v1/keys/k?ttl=1&ttl_ms=1", "\"a\""},
             {"/v1/keys/k?ttl=9223372036854775807", "\"a\""},
             {"/v1/keys/k", R"([["a",["b"]]])"}}) {
        EXPECT_EQ(json("PUT", target, body).status, 400) << target << body;
        EXPECT_EQ(run({"GET", "k"}), "$3\r\nold\r\n") << target << body;
    }
}

TEST_F(HttpAnswerTest, compares_and_sets) {
    json("PUT", "/v1/keys/k", "\"one\"");
    const std::string tag = field(get("/v1/keys/k"), "ETag");
    EXPECT_EQ(get("/v1/keys/k", "If-None-Match: " + tag + "\r\n").status, 304);
    EXPECT_EQ(get("/v1/keys/k", "If-None-Match: \"x\", " + tag + "\r\n").status, 304);
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"two\"", "If-Match: " + tag + "\r\n").status, 204);
    const auto late = json("PUT", "/v1/keys/k", "\"three\"", "If-Match: " + tag + "\r\n");
    EXPECT_EQ(late.status, 412);
    EXPECT_EQ(field(late, "ETag"), field(get("/v1/keys/k"), "ETag"));
    EXPECT_EQ(run({"GET", "k"}), "$3\r\ntwo\r\n");
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"x\"", "If-None-Match: *\r\n").status, 412);
    EXPECT_EQ(json("PUT", "/v1/keys/new", "\"x\"", "If-None-Match: *\r\n").status, 201);
    EXPECT_EQ(json("PUT", "/v1/keys/none", "\"x\"", "If-Match: *\r\n").status, 412);
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"x\"", "If-Match: W/" + tag + "\r\n").status, 412);
    EXPECT_EQ(send("DELETE", "/v1/keys/k", "If-Match: " + tag + "\r\n", "").status, 412);
    const std::string now = field(get("/v1/keys/k"), "ETag");
    EXPECT_EQ(send("DELETE", "/v1/keys/k", "If-Match: " + now + "\r\n", "").status, 204);
    EXPECT_EQ(send("DELETE", "/v1/keys/k", "", "").status, 404);
}

TEST_F(HttpAnswerTest, answers_a_put_with_the_tag_of_what_it_wrote) {
    const auto put = json("PUT", "/v1/keys/k", "\"one\"");
    EXPECT_EQ(field(put, "ETag"), field(get("/v1/keys/k"), "ETag"));
}

TEST_F(HttpAnswerTest, looks_again_when_somebody_else_was_quicker) {
    run({"SET", "k", "1"});
    commands::Session& other = backend_.runner.add_session();
    int races = 3;
    backend_.before_own = [&](http::Backend::Words words) {
        if (words[0] != "EXEC" || races == 0) return;
        --races;
        backend_.runner.run_as(other, {"SET", "k", std::to_string(races)});
    };
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"mine\"", "If-Match: *\r\n").status, 204);
    EXPECT_EQ(races, 0);
    EXPECT_EQ(run({"GET", "k"}), "$4\r\nmine\r\n");
    races = 1'000'000;
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"never\"", "If-Match: *\r\n").status, 409);
    races = 1;
    backend_.before_own = [&](http::Backend::Words words) {
        if (words[0] == "EXEC" && races-- > 0) backend_.runner.run_as(other, {"DEL", "k"});
    };
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"gone\"", "If-Match: *\r\n").status, 412);
}

TEST_F(HttpAnswerTest, finds_the_type_of_a_key_that_changes_it) {
    run({"RPUSH", "k", "a"});
    commands::Session& other = backend_.runner.add_session();
    backend_.before_run = [&](http::Backend::Words words) {
        if (words[0] != "LRANGE") return;
        backend_.runner.run_as(other, {"DEL", "k"});
        backend_.runner.run_as(other, {"SADD", "k", "b"});
    };
    EXPECT_EQ(get("/v1/keys/k").body, R"(["b"])");
}

TEST_F(HttpAnswerTest, lists_keys_in_pages) {
    for (int key = 0; key < 50; ++key) run({"SET", "key" + std::to_string(key), "v"});
    std::set<std::string> seen;
    std::string cursor = "0";
    do {
        const auto page = get("/v1/keys?count=10&match=key*&cursor=" + cursor);
        ASSERT_EQ(page.status, 200);
        const auto value = http::parse_json_value(page.body);
        ASSERT_TRUE(value);
        for (const auto& key : value->find("keys")->parts) seen.insert(key.text);
        cursor = value->find("cursor")->text;
    } while (cursor != "0");
    EXPECT_EQ(seen.size(), 50U);
    EXPECT_EQ(get("/v1/keys?cursor=x").status, 400);
    EXPECT_THAT(get("/v1/keys?type=list").body, HasSubstr(R"("keys":[])"));
}

TEST_F(HttpAnswerTest, runs_commands) {
    EXPECT_EQ(json("POST", "/v1/command", R"(["SET","a","1"])").body, R"({"result":"OK"})");
    EXPECT_EQ(json("POST", "/v1/command", R"(["INCRBY","a",41])").body, R"({"result":42})");
    EXPECT_EQ(json("POST", "/v1/command", R"(["GET","none"])").body, R"({"result":null})");
    const auto wrong = json("POST", "/v1/command", R"(["LPUSH","a","1"])");
    EXPECT_EQ(wrong.status, 409);
    EXPECT_THAT(wrong.body,
                StartsWith(R"({"error":{"status":409,"code":"WRONGTYPE","message":"Op)"));
    for (const std::string_view body : {"", "{}", "[]", "[[]]", "\"GET\"", "[null]", "[true]",
                                        R"(["A"] x)", R"([{"base64":"!"}])"}) {
        EXPECT_EQ(json("POST", "/v1/command", body).status, 400) << body;
    }
}

TEST_F(HttpAnswerTest, runs_transactions) {
    EXPECT_EQ(
        json("POST", "/v1/transaction", R"([["SET","a","1"],["LPUSH","a","x"],["GET","a"]])").body,
        R"({"results":[{"result":"OK"},{"error":{"code":"WRONGTYPE","message":"Operation )"
        R"(against a key holding the wrong kind of value"}},{"result":"1"}]})");
    const auto wrong = json("POST", "/v1/transaction", R"([["SET","a","2"],["GET"]])");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_THAT(wrong.body, HasSubstr(R"("command":2)"));
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n1\r\n");
    EXPECT_EQ(run({"PING"}), "+PONG\r\n");  // nothing is queued
}

TEST_F(HttpAnswerTest, speaks_the_words_of_the_origin_systems) {
    EXPECT_EQ(json("PUT", "/put", R"({"command":"k v 10"})").body,
              R"({"received":"PUT k v 10","status":"success","message":"OK","data":"OK"})");
    EXPECT_EQ(json("POST", "/put", R"({"command":"put k 'a b'"})").status, 200);
    EXPECT_EQ(json("POST", "/get", R"({"command":"get k"})").body,
              R"({"received":"GET k","status":"success","message":"OK","data":"a b"})");
    EXPECT_EQ(json("POST", "/get", R"({"command":"none"})").status, 404);
    EXPECT_THAT(json("POST", "/exists", R"({"command":"k none"})").body, HasSubstr("\"data\":1"));
    EXPECT_THAT(get("/keys").body, HasSubstr(R"("data":["k"])"));
    EXPECT_THAT(get("/values").body, HasSubstr(R"("data":["a b"])"));
    EXPECT_THAT(get("/items").body, HasSubstr(R"("data":{"k":"a b"})"));
    EXPECT_THAT(get("/size").body, HasSubstr("\"data\":1"));
    EXPECT_EQ(get("/help").status, 200);
    EXPECT_THAT(json("DELETE", "/delete", R"({"command":"delete k"})").body,
                HasSubstr("\"data\":1"));
    EXPECT_EQ(json("POST", "/clear", "").status, 200);
    EXPECT_EQ(json("POST", "/get", "").status, 400);
    EXPECT_EQ(json("POST", "/get", R"({"command":"a b c"})").status, 400);
    EXPECT_THAT(json("POST", "/get", R"({"command":"'open"})").body,
                HasSubstr(R"("status":"error")"));
}

TEST_F(HttpAnswerTest, selects_the_database_of_the_query) {
    EXPECT_EQ(json("PUT", "/v1/keys/k?db=3", "\"x\"").status, 201);
    EXPECT_EQ(get("/v1/keys/k").status, 404);
    EXPECT_EQ(get("/v1/keys/k?db=3").status, 200);
    EXPECT_EQ(get("/v1/keys/k?db=99").status, 400);
    EXPECT_EQ(get("/v1/keys/k?db=x").status, 400);
}

TEST_F(HttpAnswerTest, asks_for_the_password) {
    backend_.runner.configuration().password_text = "secret";
    backend_.runner_is_open = false;
    const auto as = [&](std::string_view fields) {
        backend_.runner.session().is_authenticated = false;
        return get("/size", fields).status;
    };
    EXPECT_EQ(as(""), 401);
    EXPECT_EQ(as("Authorization: Bearer wrong\r\n"), 401);
    EXPECT_EQ(as("Authorization: Bearer secret\r\n"), 200);
    EXPECT_EQ(as("Authorization: Bearer default:secret\r\n"), 200);
    EXPECT_EQ(as("Authorization: Basic ZGVmYXVsdDpzZWNyZXQ=\r\n"), 200);
    EXPECT_EQ(as("Authorization: Nonsense\r\n"), 401);
    backend_.runner.session().is_authenticated = false;
    EXPECT_EQ(get("/health").status, 200);
    EXPECT_EQ(get("/openapi.json").status, 200);
    EXPECT_EQ(get("/metrics").status, 401);
    EXPECT_THAT(field(get("/size"), "WWW-Authenticate"), StartsWith("Basic"));
}

TEST_F(HttpAnswerTest, tries_the_text_of_a_bearer_as_the_password_too) {
    backend_.runner.configuration().password_text = "a:b";
    backend_.runner_is_open = false;
    std::vector<std::string> said;
    backend_.before_own = [&](http::Backend::Words words) {
        if (words[0] == "AUTH") said.push_back(std::string(words[1]) + "|" + std::string(words[2]));
    };
    const auto as = [&](std::string_view bearer) {
        backend_.runner.session().is_authenticated = false;
        return get("/size", "Authorization: Bearer " + std::string(bearer) + "\r\n").status;
    };
    EXPECT_EQ(as("a:b"), 200);
    EXPECT_EQ(as("default:a:b"), 200);
    EXPECT_EQ(as("a:c"), 401);
    EXPECT_EQ(as("b"), 401);
    // Each request is one AUTH, so a wrong one is one failure.
    EXPECT_EQ(said, (std::vector<std::string>{"default|a:b", "default|a:b", "a|c", "default|b"}));
    backend_.runner.configuration().password_text = "default:x";
    EXPECT_EQ(as("default:x"), 200);
}

TEST_F(HttpAnswerTest, the_host_of_a_whole_url_is_the_one_that_counts) {
    const auto status = [&](std::string_view target, std::string_view host) {
        return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
                   "\r\n\r\n")
            .status;
    };
    EXPECT_EQ(status("http://evil.example/size", "localhost"), 421);
    EXPECT_EQ(status("http://evil.example?/size", "localhost"), 421);
    EXPECT_EQ(status("HTTP://user@localhost/size", "localhost"), 421);
    EXPECT_EQ(status("http:///size", "localhost"), 421);
    EXPECT_EQ(status("http://localhost:80/size", "evil.example"), 200);
    EXPECT_EQ(status("/size", "evil.example"), 421);
}

TEST_F(HttpAnswerTest, says_the_number_of_the_status_line_in_the_body) {
    const auto check = [](const http::Response& response) {
        EXPECT_THAT(response.body,
                    HasSubstr("\"status\":" + std::to_string(response.status) + ","));
    };
    check(http::failed_command("DENIED no", 403));
    check(http::failed_command("WRONGTYPE no"));
    backend_.runner.configuration().password_text = "secret";
    backend_.runner.session().is_authenticated = backend_.runner_is_open = false;
    const auto refused = get("/size", "Authorization: Bearer x\r\n");
    EXPECT_EQ(refused.status, 401);
    check(refused);
}

TEST_F(HttpAnswerTest, a_parameter_that_nobody_reads_is_refused_by_its_name) {
    run({"SET", "k", "v"});
    for (const std::string_view target : {"/v1/keys/k?tll=10", "/v1/keys?pattern=*", "/size?foo=1",
                                          "/begin?db=1", "/v1/subscribe/c?db=1", "/help?db=0"}) {
        const auto refused = get(target);
        EXPECT_EQ(refused.status, 400) << target;
        const size_t begin = target.find('?') + 1;
        const std::string name(target.substr(begin, target.find('=') - begin));
        EXPECT_THAT(refused.body, HasSubstr("`" + name + "`")) << target;
    }
    EXPECT_EQ(json("PUT", "/v1/keys/k?cursor=1", "\"w\"").status, 400);
    EXPECT_EQ(get("/v1/keys/k").body, "\"v\"");
    EXPECT_EQ(get("/size?db=1").status, 200);
    EXPECT_EQ(get("/metrics?x=1").status, 200);
    EXPECT_EQ(get("/health?now=1").status, 200);
}

TEST_F(HttpAnswerTest, subscribes_to_a_pattern_when_told_to) {
    EXPECT_EQ(get("/v1/subscribe/n*").follow[0], "SUBSCRIBE");
    EXPECT_EQ(get("/v1/subscribe/n*?pattern=0").follow[0], "SUBSCRIBE");
    EXPECT_EQ(get("/v1/subscribe/n*?pattern=1").follow[0], "PSUBSCRIBE");
    EXPECT_EQ(get("/v1/subscribe/n*?pattern").follow[0], "PSUBSCRIBE");
    EXPECT_EQ(get("/v1/subscribe/n*?pattern=maybe").status, 400);
}

TEST_F(HttpAnswerTest, head_of_what_changes_something_is_refused) {
    for (const std::string_view path : {"/begin", "/commit", "/rollback"}) {
        const auto refused = send("HEAD", path, "", "");
        EXPECT_EQ(refused.status, 405) << path;
        EXPECT_EQ(field(refused, "Allow"), "GET, OPTIONS") << path;
    }
    EXPECT_EQ(backend_.book.size(), 0u);
    const auto begin = get("/begin");
    const std::string within = "Gyre-Transaction: " + field(begin, "Gyre-Transaction") + "\r\n";
    EXPECT_EQ(send("HEAD", "/rollback", within, "").status, 405);
    EXPECT_EQ(get("/rollback", within).status, 200);
}

TEST_F(HttpAnswerTest, gives_the_form_that_is_wanted) {
    run({"SET", "k", "v"});
    run({"RPUSH", "l", "v"});
    const auto type = [&](std::string_view accept, std::string_view key = "k") {
        const auto response =
            get("/v1/keys/" + std::string(key), "Accept: " + std::string(accept) + "\r\n");
        return response.status == 200 ? std::string(response.content_type)
                                      : std::to_string(response.status);
    };
    const std::string json = "application/json";
    const std::string bytes = "application/octet-stream";
    EXPECT_EQ(type("*/*"), json);
    EXPECT_EQ(type("text/html"), json);
    EXPECT_EQ(type(bytes), bytes);
    EXPECT_EQ(type("APPLICATION/Octet-Stream ; Q=0.9"), bytes);
    EXPECT_EQ(type(bytes + ";q=0"), json);
    EXPECT_EQ(type(bytes + ";q=0.000, " + json), json);
    EXPECT_EQ(type(bytes + ";q=0.5, " + json), json);
    EXPECT_EQ(type(bytes + ", */*;q=0.1"), bytes);
    EXPECT_EQ(type(json + ";q=0"), "406");
    EXPECT_EQ(type("*/*;q=0"), "406");
    EXPECT_EQ(type(json + ";q=0, */*"), bytes);
    EXPECT_EQ(type("application/*;q=0"), "406");
    EXPECT_EQ(type(bytes, "l"), "406");
    EXPECT_EQ(type(bytes + ", " + json + ";q=0.5", "l"), json);
}

TEST_F(HttpAnswerTest, reads_only_what_a_condition_is_met_by) {
    run({"SET", "k", "v"});
    const std::string tag = field(get("/v1/keys/k"), "ETag");
    EXPECT_EQ(get("/v1/keys/k", "If-Match: " + tag + "\r\n").status, 200);
    EXPECT_EQ(get("/v1/keys/k", "If-Match: *\r\n").status, 200);
    EXPECT_EQ(get("/v1/keys/k", "If-Match: \"other\"\r\n").status, 412);
    EXPECT_EQ(send("HEAD", "/v1/keys/k", "If-Match: \"other\"\r\n", "").status, 412);
    EXPECT_EQ(get("/v1/keys/none", "If-Match: *\r\n").status, 412);
    const auto made = json("PUT", "/v1/keys/k", "\"x\"", "If-None-Match: *\r\n");
    EXPECT_EQ(made.status, 412);
    EXPECT_THAT(made.body, HasSubstr("The key exists"));
}

TEST_F(HttpAnswerTest, reads_no_coded_body) {
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"x\"", "Content-Encoding: gzip\r\n").status, 415);
    EXPECT_EQ(get("/v1/keys/k").status, 404);
    EXPECT_EQ(json("PUT", "/v1/keys/k", "\"x\"", "Content-Encoding: Identity\r\n").status, 201);
}

TEST_F(HttpAnswerTest, the_order_in_which_elements_came_is_not_part_of_their_value) {
    for (const int count : {3, 2000}) {
        for (const std::string_view command : {"SADD", "HSET"}) {
            run({"DEL", "a", "b", "c"});
            const auto add = [&](std::string_view key, int number) {
                const std::string element = "e" + std::to_string(number);
                command == "SADD" ? run({command, key, element})
                                  : run({command, key, element, "v" + element});
            };
            for (int number = 0; number < count; ++number) add("a", number);
            for (int number = count; number-- > 0;) add("b", number);
            for (int number = 0; number <= count; ++number) add("c", number);
            const std::string tag = field(get("/v1/keys/a"), "ETag");
            EXPECT_EQ(tag, field(get("/v1/keys/b"), "ETag")) << command << count;
            EXPECT_NE(tag, field(get("/v1/keys/c"), "ETag")) << command << count;
        }
    }
    // Nor can a field change its place with its value, or words their bounds.
    run({"DEL", "a", "b"});
    run({"HSET", "a", "x", "y", "y", "x"});
    run({"HSET", "b", "x", "x", "y", "y"});
    EXPECT_NE(field(get("/v1/keys/a"), "ETag"), field(get("/v1/keys/b"), "ETag"));
    run({"RPUSH", "l", "1", "2"});
    run({"RPUSH", "m", "2", "1"});
    EXPECT_NE(field(get("/v1/keys/l"), "ETag"), field(get("/v1/keys/m"), "ETag"));
}

TEST_F(HttpAnswerTest, takes_a_first_word_that_is_a_command_for_its_name) {
    EXPECT_EQ(json("PUT", "/put", R"({"command":"put a"})").status, 400);
    EXPECT_EQ(json("PUT", "/put", R"({"command":"get a"})").status, 400);
    EXPECT_THAT(json("PUT", "/put", R"({"command":"get a"})").body, HasSubstr("`put get a`"));
    EXPECT_EQ(json("POST", "/get", R"({"command":"get"})").status, 400);
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
    EXPECT_EQ(json("PUT", "/put", R"({"command":"PUT get 1"})").status, 200);
    EXPECT_EQ(json("POST", "/get", R"({"command":"get get"})").status, 200);
    // Words of other families are keys as any.
    EXPECT_EQ(json("PUT", "/put", R"({"command":"size 10"})").status, 200);
    EXPECT_EQ(run({"GET", "size"}), "$2\r\n10\r\n");
}

TEST(HttpDate, is_that_of_its_second) {
    EXPECT_EQ(http::date_text(784'111'777'999), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(http::date_text(784'111'778'000), "Sun, 06 Nov 1994 08:49:38 GMT");
    EXPECT_EQ(http::date_text(951'782'400'000), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST_F(HttpAnswerTest, guards_hosts_origins_and_types) {
    EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 421);
    EXPECT_EQ(get("/health", "Origin: http://evil.example\r\n").status, 403);
    EXPECT_EQ(get("/health", "Origin: http://localhost\r\n").status, 200);
    EXPECT_EQ(send("POST", "/clear", "Content-Type: text/plain\r\n", "").status, 415);
    EXPECT_EQ(send("POST", "/clear", "", "").status, 415);
    EXPECT_EQ(
        send("POST", "/clear", "Content-Type: application/x-www-form-urlencoded\r\n", "").status,
        415);
    EXPECT_EQ(
        send("POST", "/clear", "Content-Type: application/json; charset=utf-8\r\n", "").status,
        200);
    settings_.origins = {"https://a.example"};
    const auto allowed = get("/health", "Origin: https://a.example\r\n");
    EXPECT_EQ(field(allowed, "Access-Control-Allow-Origin"), "https://a.example");
    const auto preflight = send("OPTIONS", "/v1/keys/k",
                                "Origin: https://a.example\r\n"
                                "Access-Control-Request-Method: PUT\r\n",
                                "");
    EXPECT_EQ(preflight.status, 204);
    EXPECT_THAT(field(preflight, "Access-Control-Allow-Methods"), HasSubstr("PUT"));
    EXPECT_EQ(field(get("/health"), "Access-Control-Allow-Origin"), "");
}

TEST_F(HttpAnswerTest, tells_what_a_path_knows) {
    EXPECT_EQ(get("/nothing").status, 404);
    EXPECT_EQ(get("/v1/keys/a/b").status, 404);
    const auto wrong = json("POST", "/v1/keys/k", "1");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(field(wrong, "Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    EXPECT_EQ(send("BREW", "/size", "", "").status, 501);
    EXPECT_EQ(send("HEAD", "/size", "", "").status, 200);
    EXPECT_EQ(get("/%zz").status, 400);
    backend_.ready = false;
    EXPECT_EQ(get("/ready").status, 503);
    EXPECT_EQ(get("/health").status, 200);
}

TEST_F(HttpAnswerTest, every_endpoint_is_in_the_document) {
    const auto document = http::parse_json_value(get("/openapi.json").body);
    ASSERT_TRUE(document) << document.error().message;
    const http::JsonValue* paths = document->find("paths");
    ASSERT_NE(paths, nullptr);
    for (const http::Endpoint* endpoint : http::endpoints()) {
        const http::JsonValue* path = paths->find(endpoint->path);
        ASSERT_NE(path, nullptr) << endpoint->path;
        std::string method(http::method_name(endpoint->method));
        for (char& letter : method) letter = static_cast<char>(letter | 0x20);
        const http::JsonValue* operation = path->find(method);
        ASSERT_NE(operation, nullptr) << endpoint->path << method;
        for (const std::string_view part : {"summary", "parameters", "responses"}) {
            EXPECT_NE(operation->find(part), nullptr) << endpoint->path << part;
        }
        EXPECT_FALSE(operation->find("summary")->text.empty()) << endpoint->path;
        const bool is_json = endpoint->content_type == http::kJsonType;
        EXPECT_TRUE(!is_json || !endpoint->schema.empty() || endpoint->statuses.starts_with("204"))
            << endpoint->path;
        EXPECT_TRUE(!endpoint->has_head() || path->find("head") != nullptr) << endpoint->path;
    }
}

TEST(HttpCommandRule, refuses_what_is_about_a_connection) {
    const auto refuses = [](std::string_view name) {
        const commands::CommandSpec* spec = commands::find_full_name(name);
        EXPECT_NE(spec, nullptr) << name;
        return spec != nullptr && http::is_about_connection(*spec);
    };
    for (const std::string_view name :
         {"multi", "exec", "discard", "watch", "unwatch", "select", "auth", "hello", "quit",
          "reset", "subscribe", "psubscribe", "ssubscribe", "monitor", "client|reply",
          "client|setname"}) {
        EXPECT_TRUE(refuses(name)) << name;
    }
    for (const std::string_view name :
         {"get", "set", "ping", "echo", "publish", "client|list", "client|kill", "config|set",
          "blpop", "info", "pubsub|channels"}) {
        EXPECT_FALSE(refuses(name)) << name;
    }
}

/// The token of a transaction that is begun, as a header field.
std::string begun(const http::Response& response, std::string_view token) {
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(token.size(), commands::TransactionBook::kTokenBytes);
    return "Gyre-Transaction: " + std::string(token) + "\r\n";
}

TEST_F(HttpAnswerTest, a_transaction_lasts_over_several_requests) {
    run({"SET", "a", "1"});
    const auto begin = get("/begin");
    const std::string within = begun(begin, field(begin, "Gyre-Transaction"));
    EXPECT_THAT(begin.body, HasSubstr(field(begin, "Gyre-Transaction")));
    EXPECT_EQ(json("PUT", "/put", R"({"command": "a 2"})", within).status, 200);
    EXPECT_EQ(json("PUT", "/v1/keys/b", R"(["x"])", within).status, 201);
    // Its own writes are there for it, and for nobody else.
    EXPECT_EQ(get("/v1/keys/a", within).body, "\"2\"");
    EXPECT_EQ(get("/v1/keys/b", within).body, R"(["x"])");
    EXPECT_EQ(get("/v1/keys/a").body, "\"1\"");
    EXPECT_EQ(get("/v1/keys/b").status, 404);
    EXPECT_EQ(get("/commit", within).status, 200);
    EXPECT_EQ(get("/v1/keys/a").body, "\"2\"");
    EXPECT_EQ(get("/v1/keys/b").body, R"(["x"])");
    // It is over.
    EXPECT_EQ(get("/v1/keys/a", within).status, 404);
    EXPECT_EQ(get("/commit", within).status, 404);
    EXPECT_EQ(backend_.book.size(), 0u);
}

TEST_F(HttpAnswerTest, a_transaction_is_rolled_back_or_meets_a_conflict) {
    run({"SET", "a", "1"});
    auto begin = get("/begin");
    std::string within = begun(begin, field(begin, "Gyre-Transaction"));
    EXPECT_EQ(json("PUT", "/v1/keys/a", "\"2\"", within).status, 204);
    EXPECT_EQ(get("/rollback", within).status, 200);
    EXPECT_EQ(get("/v1/keys/a").body, "\"1\"");

    begin = get("/begin");
    within = begun(begin, field(begin, "Gyre-Transaction"));
    EXPECT_EQ(get("/v1/keys/a", within).body, "\"1\"");
    EXPECT_EQ(json("PUT", "/v1/keys/a", "\"3\"").status, 204);
    EXPECT_EQ(json("PUT", "/v1/keys/b", "\"3\"", within).status, 201);
    const auto commit = get("/commit", within);
    EXPECT_EQ(commit.status, 409);
    EXPECT_THAT(commit.body, HasSubstr("CONFLICT"));
    EXPECT_EQ(get("/v1/keys/b").status, 404);
    EXPECT_EQ(get("/rollback", within).status, 404);
}

TEST_F(HttpAnswerTest, conditions_and_lists_hold_within_a_transaction) {
    run({"SET", "a", "1"});
    const auto begin = get("/begin");
    const std::string within = begun(begin, field(begin, "Gyre-Transaction"));
    const std::string tag = field(get("/v1/keys/a", within), "ETag");
    EXPECT_EQ(json("PUT", "/v1/keys/a", "\"2\"", within + "If-Match: \"other\"\r\n").status, 412);
    EXPECT_EQ(json("PUT", "/v1/keys/a", "\"2\"", within + "If-Match: " + tag + "\r\n").status, 204);
    EXPECT_EQ(json("POST", "/v1/transaction", R"([["INCR", "a"], ["GET", "a"]])", within).body,
              R"({"results":[{"result":3},{"result":"3"}]})");
    EXPECT_EQ(json("POST", "/v1/command", R"(["BLPOP", "none", "0"])", within).body,
              R"({"result":null})");
    EXPECT_EQ(get("/begin", within).status, 400);
    EXPECT_EQ(get("/commit", within).status, 200);
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n3\r\n");
    EXPECT_EQ(get("/commit").status, 400);
    EXPECT_EQ(get("/rollback").status, 400);
    EXPECT_EQ(get("/size", "Gyre-Transaction: 0\r\n").status, 404);
}

TEST_F(HttpAnswerTest, open_transactions_end_by_themselves) {
    backend_.runner.dataset().settings.transaction_max_ms.store(5000);
    const auto begin = get("/begin");
    const std::string within = begun(begin, field(begin, "Gyre-Transaction"));
    engine::Executor& executor = backend_.runner.services().executor;
    const int64_t now_ms = backend_.runner.now_ms();
    EXPECT_FALSE(backend_.book.add(1));
    backend_.book.expire(now_ms + 5001, executor);
    EXPECT_EQ(backend_.runner.dataset().views(), 0u);
    EXPECT_EQ(backend_.book.size(), 1u);
    const auto late = get("/commit", within);
    EXPECT_EQ(late.status, 409);
    EXPECT_THAT(late.body, HasSubstr("transaction-max-time"));
    // One that nobody asks for is forgotten, at last or for one that is new.
    get("/begin");
    backend_.book.expire(now_ms + 5001, executor);
    backend_.book.expire(now_ms + 5001 + commands::TransactionBook::kRememberedMs, executor);
    EXPECT_EQ(backend_.book.size(), 1u);
    const auto place = backend_.book.add(1);
    ASSERT_TRUE(place);
    EXPECT_EQ(backend_.book.size(), 1u);
    EXPECT_FALSE(backend_.book.add(1));
    backend_.book.forget(*place);
    EXPECT_EQ(backend_.book.size(), 0u);
}

}  // namespace
}  // namespace gyre::test
