// SPDX-License-Identifier: BSD-3-Clause
#include "server/alias_store.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "commands/alias_document.h"
#include "commands/registry.h"

namespace gyre::server {

Result<void> AliasStore::load() {
    if (!files_.exists(path_)) return {};
    const auto text = files_.read_whole(path_, commands::kAliasDocumentBytesMax);
    auto table = text ? commands::read_aliases(*text)
                      : Result<commands::AliasTable>(tl::unexpected(text.error()));
    if (!table) {
        return fail(
            fmt::format("The aliases in {} cannot be read: {}. The file was not touched. "
                        "Correct it, or move it away to start without aliases",
                        path_, table.error().message));
    }
    for (const auto& [name, alias] : table->all()) {
        if (commands::find_command(name) == nullptr) continue;
        base::log(base::Level::warning,
                  "Alias '{}' of {} is never used: a command has that name. Define it under "
                  "another one",
                  name, path_);
    }
    if (table->size() > 0) {
        base::log(base::Level::notice, "{} aliases read from {}", table->size(), path_);
    }
    book_.publish(std::move(*table));
    return {};
}

void AliasStore::change(Edit edit, std::function<void(Result<void>)> tell) {
    later_([this, edit = std::move(edit), tell = std::move(tell)] { tell(make(edit)); });
}

Result<void> AliasStore::make(const Edit& edit) {
    commands::AliasTable table = *book_.current();
    if (auto edited = edit(table); !edited) return edited;
    if (auto replaced = replace_file(commands::write_aliases(table)); !replaced) {
        base::log(base::Level::warning, "The aliases stay as they were: {}",
                  replaced.error().message);
        return fail(
            fmt::format("ERR the aliases stay as they were: {}. See that the data folder "
                        "can be written, and try again",
                        replaced.error().message));
    }
    book_.publish(std::move(table));
    // The file has its name, but a crash of the machine may bring back the one before.
    if (auto synced = files_.sync_directory("."); !synced) {
        return fail(
            fmt::format("ERR the aliases are changed, but maybe not for good: {}. Repeat "
                        "the command when the disk is well",
                        synced.error().message));
    }
    return {};
}

Result<void> AliasStore::replace_file(const std::string& text) {
    const std::string temporary = "temp-" + path_;
    Result<void> result = files_.write_whole(temporary, text);
    if (result) result = files_.rename(temporary, path_);
    if (!result && !files_.remove(temporary)) {
        base::log(base::Level::warning, "{} is left behind. Remove it", temporary);
    }
    return result;
}

}  // namespace gyre::server
