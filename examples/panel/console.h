#pragma once

#include <istream>
#include <map>
#include <string>

#include "panel.h"
#include "screen.h"
#include "words.h"

namespace panel {

/// What a person, or a script, types: plain words to commands of the protocol.
class Console {
 public:
  Console(Panel& panel, Screen& screen) : panel_(panel), screen_(screen) {}

  /// Replaces ${name} in every line that is read from now on.
  void set(const std::string& name, const std::string& value) { variables_[name] = value; }

  /// Runs line by line; stops at the first that fails. False: one failed; it was said which.
  bool runScript(std::istream& script, const std::string& name);

  /// Reads lines from `input` until it ends or says quit; what fails is said.
  void runPrompt(std::istream& input);

  /// Runs one line. Empty: it succeeded; else why not.
  std::string run(const std::string& line);

 private:
  using Method = std::string (Console::*)(const Words& arguments);
  struct Command {
    Method method;
    std::size_t least;  ///< arguments needed
    const char* usage;
    const char* purpose;
  };
  static const std::map<std::string, Command>& commands();

  std::string nodes(const Words& arguments);
  std::string use(const Words& arguments);
  std::string create(const Words& arguments);
  std::string start(const Words& arguments);
  std::string stop(const Words& arguments);
  std::string restart(const Words& arguments);
  std::string kill(const Words& arguments);
  std::string remove(const Words& arguments);
  std::string status(const Words& arguments);
  std::string list(const Words& arguments);
  std::string info(const Words& arguments);
  std::string send(const Words& arguments);
  std::string console(const Words& arguments);
  std::string logs(const Words& arguments);
  std::string watch(const Words& arguments);
  std::string agent(const Words& arguments);
  std::string ls(const Words& arguments);
  std::string cat(const Words& arguments);
  std::string put(const Words& arguments);
  std::string get(const Words& arguments);
  std::string archive(const Words& arguments);
  std::string extract(const Words& arguments);
  std::string backup(const Words& arguments);
  std::string backups(const Words& arguments);
  std::string restore(const Words& arguments);
  std::string rmbackup(const Words& arguments);
  std::string pull(const Words& arguments);
  std::string images(const Words& arguments);
  std::string rmimage(const Words& arguments);
  std::string prune(const Words& arguments);
  std::string wait(const Words& arguments);
  std::string done(const Words& arguments);
  std::string expect(const Words& arguments);
  std::string refused(const Words& arguments);
  std::string sleep(const Words& arguments);
  std::string say(const Words& arguments);
  std::string help(const Words& arguments);

  /// Sends a long command and remembers it for `done`.
  std::string begin(const std::string& action, const Words& arguments,
                    const Poco::JSON::Object::Ptr& payload = {});
  /// The same for one that is answered at its end.
  std::string await(const std::string& action, const std::string& server,
                    const Poco::JSON::Object::Ptr& payload);
  std::string stopLike(const std::string& action, const Words& arguments);
  std::string upload(const Words& arguments, const std::string& bar);
  std::string download(const Words& arguments, const std::string& bar);
  /// What one message carried has no bar.
  void progress(const std::string& bar, std::size_t done, std::size_t size);
  /// Shows lines of a server; gives the number of the last one there is.
  std::string showLines(const std::string& server, const Poco::JSON::Object::Ptr& payload,
                        std::uint64_t& last);
  /// A line that is for the server whose console is open.
  std::string talk(const std::string& line);
  std::string promptText() const;
  std::string substitute(std::string line) const;

  Panel& panel_;
  Screen& screen_;
  std::map<std::string, std::string> variables_;
  std::string node_;      ///< chosen by `use`
  std::string last_id_;   ///< of the last long command
  std::string talks_to_;  ///< server whose console is open; empty: none
  bool quit_ = false;
  unsigned long transfers_ = 0;
};

}  // namespace panel
