// Foreign holds our manifests to what other projects make of them.
//
// "decode" reads custom resources of the Prometheus operator and of cert-manager from standard input, each by its project's
// own type, where an unknown field is an error, and rules as Prometheus reads them. "evaluate" answers what Prometheus would
// of an expression over scrapes.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	commands := map[string]func([]byte, io.Writer) error{"decode": decode, "evaluate": evaluate}
	if len(os.Args) != 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: foreign decode|evaluate < INPUT")
		os.Exit(2)
	}
	input, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = commands[os.Args[1]](input, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
