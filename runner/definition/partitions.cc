#include "runner/definition/partitions.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <set>

#include "ledger/digest.h"
#include "runner/definition/expression.h"
#include "runner/definition/field_table.h"
#include "runner/definition/identifier.h"
#include "runner/definition/pipeline_steps.h"
#include "runner/definition/project_path.h"

namespace daybook {

namespace {

constexpr std::size_t folder_entries_max = 1'000'000;

using std::chrono::year_month_day;

std::optional<year_month_day> parse_date(std::string_view text) {
  if (!is_real_date(text)) return std::nullopt;
  auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (char c : text.substr(at, count)) value = value * 10 + (c - '0');
    return value;
  };
  return year_month_day(std::chrono::year(number(0, 4)),
                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                        std::chrono::day(static_cast<unsigned>(number(8, 2))));
}

std::string date_text(year_month_day date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

using Ranges = std::expected<std::vector<PartitionRange>, std::string>;

Ranges date_ranges(const Partitioning& p) {
  const auto start = parse_date(p.start);
  if (!start) return std::unexpected(fmt::format("start \"{}\" is not a date", excerpt(p.start)));
  const auto end = p.end.empty() ? std::nullopt : parse_date(p.end);
  if (!p.end.empty() && !end)
    return std::unexpected(fmt::format("end \"{}\" is not a date", excerpt(p.end)));
  const std::size_t blank = p.every.find(' ');
  const auto amount = whole_number(std::string_view(p.every).substr(0, blank));
  std::string unit = blank == std::string::npos ? "" : p.every.substr(blank + 1);
  if (unit.ends_with('s')) unit.pop_back();
  if (!amount || *amount < 1 || *amount > 1000 ||
      (unit != "day" && unit != "week" && unit != "month" && unit != "year"))
    return std::unexpected(
        fmt::format("every \"{}\" is not a width like 1 day or 1 month", excerpt(p.every)));
  if ((unit == "month" || unit == "year") && static_cast<unsigned>(start->day()) > 28)
    return std::unexpected(
        "months are counted from a day that every month has: start on day 1 to 28");
  auto next = [&](year_month_day date) {
    if (unit == "month") return date + std::chrono::months(*amount);
    if (unit == "year") return date + std::chrono::years(*amount);
    return year_month_day(std::chrono::sys_days(date) +
                          std::chrono::days(*amount * (unit == "week" ? 7 : 1)));
  };
  std::vector<PartitionRange> ranges;
  year_month_day from = *start;
  do {
    const year_month_day to = next(from);
    if (ranges.size() == partitions_max)
      return std::unexpected(fmt::format("there are more than {} ranges", partitions_max));
    ranges.push_back({date_text(from), date_text(from), date_text(to)});
    from = to;
  } while (end && from < *end);
  return ranges;
}

Ranges integer_ranges(const Partitioning& p) {
  const auto start = whole_number(p.start);
  const auto width = whole_number(p.every);
  const auto end = p.end.empty() ? start : whole_number(p.end);
  if (!start || !width || !end || *width < 1)
    return std::unexpected(
        "start, end and every of a range are dates and a width, or whole numbers");
  constexpr std::int64_t most = 1'000'000'000'000'000'000;
  if (*start < -most || *end > most || *width > most)
    return std::unexpected("a range is beyond 18 digits");
  if (*end > *start && (*end - *start) / *width >= static_cast<std::int64_t>(partitions_max))
    return std::unexpected(fmt::format("there are more than {} ranges", partitions_max));
  std::vector<PartitionRange> ranges;
  std::int64_t from = *start;
  do {
    ranges.push_back({std::to_string(from), std::to_string(from), std::to_string(from + *width)});
    from += *width;
  } while (from < *end);
  return ranges;
}

// One part of a path pattern against one name. At most one placeholder value is taken.
bool match(std::string_view pattern, std::string_view name, std::optional<std::string>& value) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    for (std::size_t n = 0; n <= name.size(); ++n) {
      std::optional<std::string> kept = value;
      if (match(pattern.substr(1), name.substr(n), value)) return true;
      value = kept;
    }
    return false;
  }
  if (pattern[0] == '{') {
    const std::string_view rest = pattern.substr(pattern.find('}') + 1);
    if (value) return name.starts_with(*value) && match(rest, name.substr(value->size()), value);
    for (std::size_t n = name.size(); n > 0; --n) {
      value = std::string(name.substr(0, n));
      if (match(rest, name.substr(n), value)) return true;
      value.reset();
    }
    return false;
  }
  return !name.empty() && pattern[0] == name[0] && match(pattern.substr(1), name.substr(1), value);
}

std::string filled(std::string path, const std::map<std::string, std::string>& placeholders) {
  for (const auto& [name, value] : placeholders) {
    const std::string mark = "{" + name + "}";
    for (std::size_t at = path.find(mark); at != std::string::npos;
         at = path.find(mark, at + value.size()))
      path.replace(at, mark.size(), value);
  }
  return path;
}

class Finder {
 public:
  Finder(const Pipeline& pipeline, Diagnostics& diagnostics)
      : pipeline_(pipeline), diagnostics_(diagnostics) {}

  std::optional<std::vector<PartitionInput>> files(const FileSource& source);

 private:
  struct FreeDir {
    void operator()(DIR* dir) const { closedir(dir); }
  };

  void fault(const DiagnosticCode& code, std::string message, std::string hint = "") {
    report_file(diagnostics_, code, pipeline_.file, std::move(message), std::move(hint));
    failed_ = true;
  }
  void cannot_read(const std::string& path, const std::string& why) {
    fault(code::no_input, fmt::format("{} can not be read: {}", excerpt(path), why),
          "every file the path matches must be readable, so that none is passed over in silence");
  }
  std::optional<std::vector<std::string>> names_in(const std::string& folder);
  void walk(const std::string& folder, std::size_t part, const std::optional<std::string>& value);
  void take(const std::string& path, const std::string& key);
  void lookups(PartitionInput& input);

  const Pipeline& pipeline_;
  Diagnostics& diagnostics_;
  std::vector<std::string> parts_;
  std::map<std::string, std::vector<std::string>> found_;  // by key
  std::map<std::string, std::string> unusable_;            // what stands in the path, by key
  std::set<std::string> missing_;                          // lookup files, told once
  std::size_t entries_ = 0;
  bool failed_ = false;
};

std::optional<std::vector<std::string>> Finder::names_in(const std::string& folder) {
  const int root = open(pipeline_.project.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const int fd = static_cast<int>(
      syscall(SYS_openat2, root, folder.empty() ? "." : folder.c_str(), &how, sizeof how));
  if (root >= 0) close(root);
  if (fd < 0) return std::nullopt;
  const std::unique_ptr<DIR, FreeDir> dir(fdopendir(fd));
  std::vector<std::string> names;
  while (dir != nullptr) {
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) break;
    if (++entries_ > folder_entries_max) {
      fault(code::too_many_partitions,
            fmt::format("the source has more than {} folder entries", folder_entries_max));
      return std::nullopt;
    }
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::ranges::sort(names);
  return names;
}

void Finder::walk(const std::string& folder, std::size_t part,
                  const std::optional<std::string>& value) {
  if (failed_) return;
  const std::string& pattern = parts_[part];
  const bool last = part + 1 == parts_.size();
  auto go = [&](const std::string& name, const std::optional<std::string>& with) {
    const std::string path = folder.empty() ? name : folder + "/" + name;
    if (!last) return walk(path, part + 1, with);
    const auto there = find_project_file(pipeline_.project, path);
    if (!there) return cannot_read(path, there.error());
    if (*there) take(path, with.value_or("all"));
  };
  if (pattern.find_first_of("{*") == std::string::npos) return go(pattern, value);
  const auto names = names_in(folder);
  if (!names) {
    // A folder that is there and can not be looked into is not an empty one.
    const auto there = find_project_file(pipeline_.project, folder.empty() ? "." : folder, true);
    if (!there) cannot_read(folder, there.error());
    return;
  }
  for (const std::string& name : *names) {
    std::optional<std::string> with = value;
    if (match(pattern, name, with)) go(name, with);
  }
}

void Finder::take(const std::string& path, const std::string& key) {
  if (key != "all" && !is_partition_value(key, pipeline_.partition.type)) {
    // A folder that is no partition is its own fault: the others are worked on.
    const std::string name =
        is_partition_key(key) ? key : "x-" + hex(sha256(bytes_of(key))).substr(0, 16);
    unusable_.emplace(name, key);
    found_[name].push_back(pipeline_.project + "/" + path);
  } else {
    found_[key].push_back(pipeline_.project + "/" + path);
  }
  if (found_.size() > partitions_max)
    fault(code::too_many_partitions,
          fmt::format("there are more than {} partitions", partitions_max));
}

void Finder::lookups(PartitionInput& input) {
  for (const Step& step : pipeline_.steps) {
    const auto* lookup = std::get_if<step::Lookup>(&step);
    if (lookup == nullptr) continue;
    const std::string path = filled(lookup->from.path, input.placeholders);
    // A file of one partition that is missing is that partition's fault, when it is read.
    if (path == lookup->from.path && !is_project_file(pipeline_.project, path) &&
        missing_.insert(path).second)
      fault(code::missing_lookup, fmt::format("the lookup file {} is missing", excerpt(path)));
    input.lookup_files.push_back(pipeline_.project + "/" + path);
  }
}

std::optional<std::vector<PartitionInput>> Finder::files(const FileSource& source) {
  for (std::size_t start = 0; start <= source.path.size();) {
    const std::size_t slash = std::min(source.path.find('/', start), source.path.size());
    parts_.push_back(source.path.substr(start, slash - start));
    start = slash + 1;
  }
  walk("", 0, std::nullopt);
  if (failed_) return std::nullopt;
  if (found_.empty()) {
    fault(code::no_input, fmt::format("no file matches {}", excerpt(source.path)),
          "the path is relative to the folder of the pipeline file");
    return std::nullopt;
  }
  std::vector<PartitionInput> inputs;
  for (auto& [key, paths] : found_) {
    PartitionInput input;
    input.key = key;
    std::ranges::sort(paths);
    input.files = std::move(paths);
    if (pipeline_.partition.by == Partitioning::By::path)
      input.placeholders[pipeline_.partition.name] = key;
    if (const auto value = unusable_.find(key); value != unusable_.end())
      input.placeholders[pipeline_.partition.name] = value->second;
    else
      lookups(input);
    inputs.push_back(std::move(input));
  }
  // Numbers in the order of numbers; dates and texts are in order already.
  if (pipeline_.partition.by == Partitioning::By::path &&
      pipeline_.partition.type == Partitioning::Type::integer)
    std::ranges::stable_sort(inputs, {}, [](const PartitionInput& i) {
      return whole_number(i.key).value_or(INT64_MAX);
    });
  if (failed_) return std::nullopt;
  return inputs;
}

}  // namespace

Ranges partition_ranges(const Partitioning& partition) {
  return partition.type == Partitioning::Type::date ? date_ranges(partition)
                                                    : integer_ranges(partition);
}

bool is_partition_value(std::string_view value, Partitioning::Type type) {
  if (!is_partition_key(value)) return false;
  if (type == Partitioning::Type::date) return is_real_date(value);
  if (type == Partitioning::Type::integer) return whole_number(value).has_value();
  return true;
}

std::string partition_fault(const Pipeline& pipeline, const PartitionInput& input) {
  const auto value = input.placeholders.find(pipeline.partition.name);
  if (pipeline.partition.by != Partitioning::By::path || value == input.placeholders.end() ||
      is_partition_value(value->second, pipeline.partition.type))
    return {};
  std::string file = input.files.empty() ? std::string() : input.files[0];
  if (file.starts_with(pipeline.project + "/")) file = file.substr(pipeline.project.size() + 1);
  const std::string_view wanted = pipeline.partition.type == Partitioning::Type::date
                                      ? "a date (yyyy-mm-dd)"
                                  : pipeline.partition.type == Partitioning::Type::integer
                                      ? "a whole number"
                                      : "a partition key (1 to 128 of A-Z a-z 0-9 . _ = + -)";
  return fmt::format("\"{}\" in {} is not {}: rename it, or choose another type for the partition",
                     excerpt(value->second), excerpt(file), wanted);
}

std::optional<std::vector<PartitionInput>> find_partitions(const Pipeline& pipeline,
                                                           Diagnostics& diagnostics) {
  if (const auto* files = std::get_if<FileSource>(&pipeline.source))
    return Finder(pipeline, diagnostics).files(*files);
  std::vector<PartitionInput> inputs;
  if (pipeline.partition.by != Partitioning::By::range) {
    PartitionInput all;
    all.key = "all";
    inputs.push_back(std::move(all));
    return inputs;
  }
  const auto ranges = partition_ranges(pipeline.partition);
  if (!ranges) {
    report_file(diagnostics, code::bad_partition, pipeline.file, ranges.error());
    return std::nullopt;
  }
  for (const PartitionRange& range : *ranges) {
    PartitionInput input;
    input.key = range.key;
    input.from = range.from;
    input.to = range.to;
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace daybook
