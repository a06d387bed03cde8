#include "agent/program.h"

int main(int argc, char** argv) { return agent::runProgram(argc, argv); }
