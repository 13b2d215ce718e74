// SPDX-License-Identifier: BSD-3-Clause
#include <string_view>
#include <vector>

#include "base/check.h"
#include "commands/families/introspection.h"
#include "commands/registry.h"
#include "commands/syntax.h"

namespace gyre::commands {
namespace {

void reply_text(resp::ReplyWriter& reply, std::string_view name, std::string_view text) {
    reply.bulk(name);
    reply.bulk(text);
}

void reply_arguments(resp::ReplyWriter& reply, const std::vector<SyntaxArgument>& arguments);

void reply_argument_flags(resp::ReplyWriter& reply, const SyntaxArgument& argument) {
    reply.bulk("flags");
    reply.set(int64_t{argument.is_optional} + argument.is_multiple + argument.has_multiple_token);
    if (argument.is_optional) reply.simple("optional");
    if (argument.is_multiple) reply.simple("multiple");
    if (argument.has_multiple_token) reply.simple("multiple_token");
}

void reply_argument(resp::ReplyWriter& reply, const SyntaxArgument& argument) {
    const bool has_flags = argument.is_optional || argument.is_multiple;
    reply.map(int64_t{2} + argument.key_spec.has_value() + !argument.token.empty() + has_flags +
              !argument.arguments.empty());
    reply_text(reply, "name", argument.name);
    reply_text(reply, "type", type_name(argument.type));
    if (argument.key_spec) {
        reply.bulk("key_spec_index");
        reply.integer(static_cast<int64_t>(*argument.key_spec));
    }
    if (!argument.token.empty()) reply_text(reply, "token", argument.token);
    if (has_flags) reply_argument_flags(reply, argument);
    if (!argument.arguments.empty()) reply_arguments(reply, argument.arguments);
}

void reply_arguments(resp::ReplyWriter& reply, const std::vector<SyntaxArgument>& arguments) {
    reply.bulk("arguments");
    reply.array(static_cast<int64_t>(arguments.size()));
    for (const SyntaxArgument& argument : arguments) reply_argument(reply, argument);
}

}  // namespace

void reply_command_docs(resp::ReplyWriter& reply, const CommandSpec& spec) {
    const auto arguments = parse_syntax(spec);
    CHECK(arguments.has_value());
    const auto inner = subcommands(spec);
    const bool is_deprecated = !spec.deprecated_since.empty();
    reply.map(int64_t{3} + !spec.complexity.empty() + 2 * is_deprecated +
              !spec.replaced_by.empty() + !arguments->empty() + !inner.empty());
    reply_text(reply, "summary", spec.summary);
    reply_text(reply, "since", spec.since);
    reply_text(reply, "group", group_name(spec.group));
    if (!spec.complexity.empty()) reply_text(reply, "complexity", spec.complexity);
    if (is_deprecated) {
        reply.bulk("doc_flags");
        reply.set(1);
        reply.simple("deprecated");
        reply_text(reply, "deprecated_since", spec.deprecated_since);
    }
    if (!spec.replaced_by.empty()) reply_text(reply, "replaced_by", spec.replaced_by);
    if (!arguments->empty()) reply_arguments(reply, *arguments);
    if (inner.empty()) return;
    reply.bulk("subcommands");
    reply.map(static_cast<int64_t>(inner.size()));
    for (const CommandSpec* row : inner) {
        reply.bulk(full_name(*row));
        reply_command_docs(reply, *row);
    }
}

}  // namespace gyre::commands
