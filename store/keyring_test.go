package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func keyring(t interface{ Fatal(...any) }, keys ...byte) *Keyring {
	var all [][]byte
	for _, k := range keys {
		all = append(all, bytes.Repeat([]byte{k}, masterLen))
	}
	r, err := NewKeyring(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSealedOpensInItsPlaceAlone: a text opens in its place, with a key that sealed it, and
// nowhere else.
func TestSealedOpensInItsPlaceAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		portal, field := rapid.StringMatching(`[A-Za-z0-9-]{1,8}`).Draw(t, "portal"), rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "field")
		text := rapid.String().Draw(t, "text")
		s, err := keyring(t, 1).Seal(portal, field, text)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 8 && bytes.Contains(stored, []byte(text)) {
			t.Fatal("the text is in clear")
		}
		var read Sealed
		if err := json.Unmarshal(stored, &read); err != nil {
			t.Fatal(err)
		}
		for _, keys := range [][]byte{{1}, {2, 1}, {1, 2}} {
			if got, err := keyring(t, keys...).Open(portal, field, read); err != nil || got != text {
				t.Fatalf("with keys %v: %q, %v", keys, got, err)
			}
		}
		refused := func(what string, want error, r *Keyring, portal, field string, s Sealed) {
			if got, err := r.Open(portal, field, s); !errors.Is(err, want) || got != "" {
				t.Fatalf("%s: %q, %v", what, got, err)
			}
		}
		refused("another key", ErrOtherKey, keyring(t, 3, 2), portal, field, read)
		refused("another portal", ErrBroken, keyring(t, 1), portal+"x", field, read)
		refused("another field", ErrBroken, keyring(t, 1), portal, field+"x", read)
		flipped := Sealed{KeyID: read.KeyID, Text: bytes.Clone(read.Text)}
		flipped.Text[rapid.IntRange(0, len(flipped.Text)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		refused("a flipped bit", ErrBroken, keyring(t, 1), portal, field, flipped)
		refused("a cut text", ErrBroken, keyring(t, 1), portal, field, Sealed{KeyID: read.KeyID, Text: read.Text[:rapid.IntRange(0, len(read.Text)-1).Draw(t, "length")]})
		refused("the id of another key", ErrBroken, keyring(t, 2, 1), portal, field, Sealed{KeyID: keyring(t, 2).KeyID(), Text: read.Text})
		again, err := keyring(t, 1).Seal(portal, field, text)
		if err != nil || bytes.Equal(again.Text, s.Text) {
			t.Fatal("two sealings of one text are the same")
		}
	})
}

func TestKeysOfOtherLengths(t *testing.T) {
	for _, keys := range [][][]byte{nil, {nil}, {make([]byte, 31)}, {make([]byte, 32), make([]byte, 33)}} {
		if _, err := NewKeyring(keys...); err == nil {
			t.Errorf("%d keys are taken", len(keys))
		}
	}
}
