# cmake -D OUTPUT=… -D FOLDER=… -D FILES=a;b -P embed.cmake: writes demo_project.cc.
set(entries "")
foreach(file IN LISTS FILES)
  file(READ ${FOLDER}/${file} text)
  # Raw strings leave every byte of the text as it is; the delimiter stands in no template.
  string(APPEND entries "    {\"${file}\", R\"daybook_file(${text})daybook_file\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"tools/demo/demo_project.h\"

namespace daybook {
namespace {

constexpr DemoFile files[] = {
${entries}};

}  // namespace

std::span<const DemoFile> demo_project() { return files; }

}  // namespace daybook
")
