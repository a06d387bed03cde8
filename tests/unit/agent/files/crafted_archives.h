#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agent::crafted {

struct Member {
  std::string path;
  std::string content{};
  mode_t type = AE_IFREG;
  std::string link{};  ///< target of a symbolic link
  std::string hard_link{};
  std::int64_t size = -1;  ///< other than that of the content
  mode_t permissions = 0644;
  bool sparse = false;  ///< the content lies at the end of `size`
};

/// Writes whatever it is told to, as an attacker would.
inline void craft(const std::string& path, const std::vector<Member>& members, bool zip = false) {
  archive* const writer = ::archive_write_new();
  if (zip)
    ::archive_write_set_format_zip(writer);
  else
    ::archive_write_set_format_pax(writer);
  ASSERT_EQ(::archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const Member& member : members) {
    archive_entry* const entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, member.path.c_str());
    ::archive_entry_set_filetype(entry, member.type);
    ::archive_entry_set_perm(entry, member.permissions);
    const auto size =
        member.size >= 0 ? member.size : static_cast<std::int64_t>(member.content.size());
    if (member.type == AE_IFREG) ::archive_entry_set_size(entry, size);
    if (!member.link.empty()) ::archive_entry_set_symlink(entry, member.link.c_str());
    if (!member.hard_link.empty()) ::archive_entry_set_hardlink(entry, member.hard_link.c_str());
    if (member.sparse)
      ::archive_entry_sparse_add_entry(entry,
                                       size - static_cast<std::int64_t>(member.content.size()),
                                       static_cast<std::int64_t>(member.content.size()));
    ASSERT_GE(::archive_write_header(writer, entry), ARCHIVE_WARN)
        << ::archive_error_string(writer);
    ::archive_write_data(writer, member.content.data(), member.content.size());
    ::archive_entry_free(entry);
  }
  ::archive_write_free(writer);
}

inline std::string padded(std::string text) {
  text.resize((text.size() + 511) / 512 * 512, '\0');
  return text;
}

/// The header of one entry of a tar archive.
inline std::string tarHeader(const std::string& name, char type, unsigned size) {
  std::string header(512, '\0');
  const auto put = [&header](std::size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  const auto octal = [](unsigned value, int digits) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%0*o", digits, value);
    return std::string(text.data());
  };
  put(0, name);
  put(100, "0000644");
  put(124, octal(size, 11));
  put(136, octal(0, 11));
  put(156, std::string(1, type));
  put(157, "target");
  put(257, std::string("ustar\00000", 8));
  put(148, std::string(8, ' '));
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put(148, octal(sum, 6) + '\0');
  return header;
}

/// A file of nothing but descriptions of its holes, in a .tar.zst.
inline void craftHoles(const std::string& path, unsigned blocks) {
  std::string header = tarHeader("sparse", 'S', 0);
  header.replace(257, 8, std::string("ustar  \0", 8));
  header.replace(386, 11, "00000000001");
  header.replace(398, 11, "00000000001");
  header[482] = 1;  // more of it follows
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%06o", sum);
  header.replace(148, 8, text.data(), 8);
  std::string extension;
  for (int i = 0; i < 21; ++i)
    extension += "00000000001" + std::string(1, '\0') + "00000000001" + '\0';
  extension.resize(512, '\0');
  extension[504] = 1;

  archive* const writer = ::archive_write_new();
  ::archive_write_set_format_raw(writer);
  ::archive_write_add_filter_zstd(writer);
  ASSERT_EQ(::archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  archive_entry* const entry = ::archive_entry_new();
  ::archive_entry_set_filetype(entry, AE_IFREG);
  ::archive_entry_set_pathname(entry, "raw");
  ASSERT_GE(::archive_write_header(writer, entry), ARCHIVE_WARN);
  ::archive_write_data(writer, header.data(), header.size());
  for (unsigned i = 0; i < blocks; ++i)
    ::archive_write_data(writer, extension.data(), extension.size());
  ::archive_entry_free(entry);
  ::archive_write_free(writer);
}

}  // namespace agent::crafted
