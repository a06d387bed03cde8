#pragma once

#include <libcontrol/streams.h>

#include "launch.h"
#include "store.h"

namespace process_engine {

/// The present run, or the next one when none is going on.
int presentOrNext(int container);

control::Result<std::unique_ptr<control::ExitWatch>> watchRun(const Engine& engine,
                                                              Container container);
control::Result<std::unique_ptr<control::EventStream>> readEvents(
    const Engine& engine, int state_directory, const control::EventFilter& filter);
control::Result<std::unique_ptr<control::LogStream>> readLog(const Engine& engine,
                                                             Container container,
                                                             const control::LogOptions& options);
control::Result<std::unique_ptr<control::Console>> attachTo(const Engine& engine,
                                                            Container container,
                                                            const control::AttachOptions& options);
control::Result<std::unique_ptr<control::ExecSession>> runBeside(
    const Engine& engine, const Container& container, pid_t keeper, const control::ExecSpec& spec,
    const control::CallContext& context);

bool carries(const std::map<std::string, std::string>& labels,
             const std::map<std::string, std::string>& wanted);
control::WallTime toWallTime(std::int64_t nanoseconds);
control::ExitStatus toExitStatus(const control::ContainerId& id, const struct Run& run);

}  // namespace process_engine
