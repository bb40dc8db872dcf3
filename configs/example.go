package configs

import (
	"bytes"
	_ "embed"
)

//go:embed config.example.yaml
var example []byte

// Example returns the sample configuration, config.example.yaml.
func Example() []byte { return bytes.Clone(example) }
