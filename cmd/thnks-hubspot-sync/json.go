package main

import (
	"encoding/json"
	"io"
)

// writeJSON writes v as one indented JSON document.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// A document is what every command with --json prints: one element per
// portal.
type document[T any] struct {
	Portals []T `json:"portals"`
}
