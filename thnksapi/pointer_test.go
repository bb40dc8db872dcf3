package thnksapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParsePointer has the escapes of RFC 6901, section 4, some of which would
// be read as others in the wrong order.
func TestParsePointer(t *testing.T) {
	for in, want := range map[string]pointer{
		"":             nil,
		"/":            {""},
		"/a~1b/-/c~0d": {"a/b", "-", "c~d"},
		"/~01/~10":     {"~1", "/0"},
		"/~0~1~00":     {"~/~0"},
	} {
		got, err := parsePointer(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", in, err, diff)
		}
	}
	for _, in := range []string{"a", "/~", "/a~2", "/~~0", "/~~10", "/~~01"} {
		if got, err := parsePointer(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}
