#include "tests/support/postgres_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

namespace daybook {
namespace {

using namespace std::chrono_literals;

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

// Whom the server runs as: ourselves, or `postgres` where we are root.
Result<Account> server_account() {
  if (::geteuid() != 0) return Account{::geteuid(), ::getegid()};
  const passwd* entry = ::getpwnam("postgres");
  if (entry == nullptr) {
    return fail(Error::Code::not_found, "running as root, and there is no user postgres to run as");
  }
  return Account{entry->pw_uid, entry->pw_gid};
}

// Everything a child needs is made before the fork: between fork and exec only async-signal-safe
// calls are allowed, since the test may have threads.
pid_t spawn(const std::vector<std::string>& command, const std::filesystem::path& output,
            Account account) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int null = ::open("/dev/null", O_RDONLY);
  if (log < 0 || null < 0) ::_exit(125);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::setpgid(0, 0);  // Ctrl-C in the terminal is the test's business, not the server's
  if (::geteuid() == 0 && account.user != 0) {
    if (::setgroups(1, &account.group) != 0 || ::setgid(account.group) != 0 ||
        ::setuid(account.user) != 0) {
      ::_exit(126);
    }
  }
  if (::chdir("/") != 0) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);     // after setuid, which clears it
  if (::getppid() != parent) ::_exit(0);  // the parent went before the line above took hold
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

// The status of `child` once it ends, or nothing at the deadline.
std::optional<int> wait_for(pid_t child, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child || (ended < 0 && errno == ECHILD)) return status;
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(5ms);
  }
}

// A port nobody listens on now. Somebody may take it before the server does; then the start fails
// and the caller tries another.
std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  std::uint16_t port = 0;
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  ::close(socket);
  return port;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

PostgresCluster::PostgresCluster(Options options) : options_(std::move(options)) {}

PostgresCluster::~PostgresCluster() { (void)stop(Stop::immediate); }

std::filesystem::path PostgresCluster::find_programs() {
  std::filesystem::path newest;
  int newest_version = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    const std::string name = entry.path().filename().string();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    if (version <= newest_version || !std::filesystem::exists(entry.path() / "bin/initdb"))
      continue;
    newest_version = version;
    newest = entry.path() / "bin";
  }
  return newest;
}

Result<std::unique_ptr<PostgresCluster>> PostgresCluster::create(const Options& options) {
  std::unique_ptr<PostgresCluster> cluster(new PostgresCluster(options));
  if (auto made = cluster->initialize(); !made) return std::unexpected(made.error());
  for (int attempt = 0;; ++attempt) {
    cluster->port_ = free_port();
    auto started = cluster->start();
    if (started) return cluster;
    if (attempt == 2) return std::unexpected(started.error());
  }
}

Result<void> PostgresCluster::initialize() {
  programs_ = find_programs();
  if (programs_.empty()) {
    return fail(Error::Code::not_found,
                "PostgreSQL's initdb is not in /usr/lib/postgresql/*/bin: run tools/dev setup");
  }
  auto account = server_account();
  if (!account) return std::unexpected(account.error());
  if (::chown(directory_.path().c_str(), account->user, account->group) != 0) {
    return fail(Error::Code::io, "chown {}: {}", directory_.path().string(), std::strerror(errno));
  }
  const pid_t child = spawn({programs_ / "initdb", "-D", directory_ / "data", "-U", "daybook", "-A",
                             "trust", "-E", "UTF8", "--no-locale", "--no-sync"},
                            directory_ / "log", *account);
  const auto status = wait_for(child, 60s);
  if (!status) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return fail(Error::Code::io, "initdb did not end within 60 seconds: {}", log());
  }
  if (*status != 0) return fail(Error::Code::io, "initdb failed ({}): {}", *status, log());
  return {};
}

Result<void> PostgresCluster::start() {
  if (running()) return {};
  // After a SIGKILL of the postmaster its children need a moment to notice; until then a new one
  // refuses the shared memory they hold.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  for (;;) {
    auto launched = launch();
    if (launched || std::chrono::steady_clock::now() >= deadline) return launched;
    if (log().find("Address already in use") != std::string::npos) return launched;
    std::this_thread::sleep_for(50ms);
  }
}

Result<void> PostgresCluster::launch() {
  auto account = server_account();
  if (!account) return std::unexpected(account.error());
  std::vector<std::string> command = {programs_ / "postgres", "-D", directory_ / "data"};
  std::vector<std::string> settings = {
      "listen_addresses=127.0.0.1",
      fmt::format("port={}", port_),
      fmt::format("unix_socket_directories={}", directory_.path().string()),
      fmt::format("fsync={}", options_.fsync ? "on" : "off"),
      "shared_buffers=32MB",
      "max_connections=50",
      "log_min_messages=warning",
      "timezone=UTC",
  };
  settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
  for (std::string& setting : settings) {
    command.push_back("-c");
    command.push_back(std::move(setting));
  }
  server_ = spawn(command, directory_ / "log", *account);
  if (server_ < 0) return fail(Error::Code::io, "fork: {}", std::strerror(errno));

  const std::string where = conninfo();
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (PQping(where.c_str()) != PQPING_OK) {
    if (wait_for(server_, 0ms)) {
      server_ = -1;
      return fail(Error::Code::io, "PostgreSQL ended while starting: {}", log());
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      (void)stop(Stop::kill);
      return fail(Error::Code::io, "PostgreSQL took no connection within 60 seconds: {}", log());
    }
    std::this_thread::sleep_for(10ms);
  }
  return {};
}

Result<void> PostgresCluster::stop(Stop how) {
  if (!running()) return {};
  const int signal = how == Stop::fast ? SIGINT : how == Stop::immediate ? SIGQUIT : SIGKILL;
  ::kill(server_, signal);
  if (!wait_for(server_, 30s)) {
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
    server_ = -1;
    return fail(Error::Code::io, "PostgreSQL did not stop within 30 seconds and was killed: {}",
                log());
  }
  server_ = -1;
  return {};
}

Result<void> PostgresCluster::restart(Stop how) {
  if (auto stopped = stop(how); !stopped) return stopped;
  return start();
}

std::string PostgresCluster::conninfo() const {
  return fmt::format("host={} port={} user=daybook dbname=postgres", directory_.path().string(),
                     port_);
}

std::string PostgresCluster::tcp_conninfo() const {
  return fmt::format("host=127.0.0.1 port={} user=daybook dbname=postgres", port_);
}

std::string PostgresCluster::log() const { return read_file(directory_ / "log"); }

}  // namespace daybook
