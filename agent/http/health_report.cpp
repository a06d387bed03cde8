#include "agent/http/health_report.h"

#include <cstdio>
#include <ctime>
#include <string_view>

#include "agent/log.h"

namespace agent {
namespace {

std::string quoted(const std::string& text) {
  return '"' + log::escape(text, LogFormat::kJson) + '"';
}

std::string iso8601(std::chrono::system_clock::time_point moment) {
  const auto since =
      std::chrono::floor<std::chrono::milliseconds>(moment).time_since_epoch().count();
  const std::time_t seconds = static_cast<std::time_t>(since / 1000);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &fields);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(since % 1000));
  return text;
}

std::string seconds(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(time.count()) / 1000);
  return text;
}

const char* boolean(bool value) { return value ? "true" : "false"; }

/// Appends one metric family with a single sample to OpenMetrics text.
class Metrics {
 public:
  void gauge(const std::string& name, const std::string& help, const std::string& value) {
    add(name, "gauge", help, name, value);
  }
  void counter(const std::string& name, const std::string& help, std::uint64_t value) {
    add(name, "counter", help, name + "_total", std::to_string(value));
  }
  /// Of every process, under the names that all exporters use.
  void process(const std::string& name, const char* type, const std::string& help,
               const std::string& value) {
    const bool counts = std::string_view(type) == "counter";
    text_ += "# TYPE process_" + name + ' ' + type + "\n# HELP process_" + name + ' ' + help +
             "\nprocess_" + name + (counts ? "_total " : " ") + value + '\n';
  }
  void info(const std::string& name, const std::string& help, const std::string& labels) {
    add(name, "info", help, name + "_info{" + labels + '}', "1");
  }
  std::string text() && { return std::move(text_) + "# EOF\n"; }

 private:
  void add(const std::string& name, const char* type, const std::string& help,
           const std::string& sample, const std::string& value) {
    const std::string family = "ctrl_alt_play_agent_" + name;
    text_ += "# TYPE " + family + ' ' + type + "\n# HELP " + family + ' ' + help +
             "\nctrl_alt_play_agent_" + sample + ' ' + value + '\n';
  }

  std::string text_;
};

}  // namespace

std::vector<std::string> HealthReport::reasons() const {
  std::vector<std::string> reasons;
  if (!link.connected) reasons.push_back("not connected to the panel: " + link.problem);
  if (!runtime_reachable)
    reasons.push_back("the container engine is not reachable" +
                      (runtime_problem.empty() ? "" : ": " + runtime_problem));
  return reasons;
}

std::string healthJson(const HealthReport& report) {
  std::string reasons;
  for (const std::string& reason : report.reasons())
    reasons += (reasons.empty() ? "" : ",") + quoted(reason);
  return std::string(R"({"status":)") + (reasons.empty() ? R"("healthy")" : R"("degraded")") +
         R"(,"timestamp":")" + iso8601(report.timestamp) + R"(","version":)" +
         quoted(report.version) + R"(,"nodeId":)" + quoted(report.node_id) + R"(,"uptime":)" +
         seconds(report.uptime) + R"(,"connected":)" + boolean(report.link.connected) +
         R"(,"runtime":{"name":)" + quoted(report.runtime_name) + R"(,"reachable":)" +
         boolean(report.runtime_reachable) + R"(},"servers":{"running":)" +
         std::to_string(report.servers_running) + R"(,"total":)" +
         std::to_string(report.servers_total) + '}' +
         (reasons.empty() ? "" : R"(,"reasons":[)" + reasons + ']') + "}\n";
}

std::string metricsText(const HealthReport& report) {
  Metrics metrics;
  const LinkStatus& link = report.link;
  metrics.info("build", "Version of the agent and the engine it drives.",
               "version=" + quoted(report.version) + ",runtime=" + quoted(report.runtime_name));
  metrics.gauge("uptime_seconds", "Time since the agent started.", seconds(report.uptime));
  metrics.gauge("panel_connected", "1 while the link to the panel is up.",
                link.connected ? "1" : "0");
  metrics.counter("panel_connections", "Connections made to the panel.", link.connections);
  metrics.counter("panel_messages_received", "Messages from the panel.", link.messages_received);
  metrics.counter("panel_messages_sent", "Messages to the panel.", link.messages_sent);
  metrics.counter("panel_messages_dropped", "Messages dropped because the outbox was full.",
                  link.messages_dropped);
  metrics.gauge("panel_queue_messages", "Messages that wait to be sent.",
                std::to_string(link.queued_messages));
  metrics.gauge("panel_queue_bytes", "Size of the messages that wait to be sent.",
                std::to_string(link.queued_bytes));
  metrics.counter("console_lines_dropped",
                  "Lines of servers that were not sent because more was written than is sent.",
                  report.console_lines_dropped);
  metrics.gauge("runtime_reachable", "1 while the container engine answers.",
                report.runtime_reachable ? "1" : "0");
  metrics.gauge("servers_running", "Servers that run.", std::to_string(report.servers_running));
  metrics.gauge("servers", "Servers the agent knows.", std::to_string(report.servers_total));
  metrics.gauge("orphans", "Containers with the agent's mark that are no server of this node.",
                std::to_string(report.orphans));
  const ProcessUse& process = report.process;
  if (process.resident_bytes)
    metrics.process("resident_memory_bytes", "gauge", "Memory of the agent.",
                    std::to_string(*process.resident_bytes));
  if (process.threads)
    metrics.process("threads", "gauge", "Threads of the agent.", std::to_string(*process.threads));
  if (process.open_descriptors)
    metrics.process("open_fds", "gauge", "Open file descriptors.",
                    std::to_string(*process.open_descriptors));
  if (process.most_descriptors)
    metrics.process("max_fds", "gauge", "Limit of open file descriptors.",
                    std::to_string(*process.most_descriptors));
  if (process.cpu_seconds)
    metrics.process("cpu_seconds", "counter", "Processor time, user and system.",
                    std::to_string(*process.cpu_seconds));
  return std::move(metrics).text();
}

}  // namespace agent
