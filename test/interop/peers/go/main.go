// Client libraries of Go at work on one broker: `clients LIBRARY HOST:PORT`, where the library is franz-go,
// sarama or sarama-1.27. Each step prints its name when it is done; the first that fails ends the program
// with what was wrong.
package main

import (
	"fmt"
	"os"
)

type step struct {
	name string
	run  func() error
}

var libraries = map[string]func(broker string) []step{
	"franz-go":         franzSteps,
	"franz-go-records": franzRecordSteps,
	"sarama":           saramaSteps,
	"sarama-1.27":      oldSaramaSteps,
}

func main() {
	if len(os.Args) != 3 || libraries[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "write: clients franz-go|sarama|sarama-1.27 HOST:PORT")
		os.Exit(2)
	}
	for _, step := range libraries[os.Args[1]](os.Args[2]) {
		if err := step.run(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", step.name, err)
			os.Exit(1)
		}
		fmt.Println(step.name)
	}
}

// expect tells what differs from what should be.
func expect(what string, is, shouldBe any) error {
	if fmt.Sprint(is) != fmt.Sprint(shouldBe) {
		return fmt.Errorf("%s is %v, not %v", what, is, shouldBe)
	}
	return nil
}
