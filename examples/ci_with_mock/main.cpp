// Runs a container to its end, once, as a timer does it every night:
//
//   nightly URI NAME IMAGE [COMMAND...]
//
// The exit code is 0 when the job was done, 1 when it was not, 2 for a wrong use.

#include <cstdlib>
#include <iostream>
#include <string>

#include <libcontrol/loader.h>

#include "job_runner.h"

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: nightly URI NAME IMAGE [COMMAND...]\n"
                 "URI is docker:///, podman:///, mock:///default\n";
    return 2;
  }
  const auto engine = control::loadRuntime(argv[1]);
  if (!engine) {
    std::cerr << "nightly: " << engine.error().message << '\n';
    return 1;
  }
  nightly::Job job;
  job.container.name = argv[2];
  job.container.image = argv[3];
  job.container.command.assign(argv + 4, argv + argc);
  nightly::JobRunner runner(**engine, [&](const std::string& line) {
    std::cout << job.container.name << ": " << line << std::endl;
  });
  return runner.run(job) == nightly::Outcome::kDone ? EXIT_SUCCESS : EXIT_FAILURE;
}
