package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	masterLen = 32 // of a master key, bytes
	keyIDLen  = 8  // of a key's id, bytes
)

// A Sealed is a text that only the holder of a master key can read. It can be
// stored anywhere.
type Sealed struct {
	KeyID string `json:"k"` // which master key; tells nothing about it
	Text  []byte `json:"t"` // nonce, AES-256-GCM ciphertext and tag
}

// IsZero reports whether there is nothing sealed.
func (s Sealed) IsZero() bool { return s.KeyID == "" && len(s.Text) == 0 }

// A masterKey is one key with the id that sealed texts name it by.
type masterKey struct {
	id    string
	bytes []byte
}

// A Keyring seals texts with the newest of its master keys and opens those that
// were sealed with any of them. Each portal has a key of its own, which HKDF
// derives from the master key. A text opens only under the portal, the field and
// the key id that it was sealed for (they are associated data), so that it is
// worth nothing in another place.
type Keyring struct {
	keys []masterKey // the newest first
}

// ErrOtherKey says that a text was sealed with a master key that the keyring
// does not have.
var ErrOtherKey = errors.New("sealed with another master key: put the key that was used into master_key_file; if it is lost, connect the portal again")

// ErrBroken says that a sealed text was changed, or was sealed for another portal
// or field.
var ErrBroken = errors.New("the sealed text is damaged, or belongs to another portal: restore the state file from a backup, or connect the portal again")

// NewKeyring makes a keyring of master keys, 32 bytes each; the newest is the
// first.
func NewKeyring(keys ...[]byte) (*Keyring, error) {
	r := new(Keyring)
	for _, key := range keys {
		if len(key) != masterLen {
			return nil, fmt.Errorf("a master key of %d bytes: it has to have %d", len(key), masterLen)
		}
		id, err := hkdf.Key(sha256.New, key, nil, "thnks-hubspot-sync key id", keyIDLen)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, masterKey{hex.EncodeToString(id), key})
	}
	if len(r.keys) == 0 {
		return nil, errors.New("no master key")
	}
	return r, nil
}

// KeyID names the key that texts are sealed with.
func (r *Keyring) KeyID() string { return r.keys[0].id }

// Rotating reports whether there is another key for what was sealed before.
func (r *Keyring) Rotating() bool { return r.keys[0].id != r.keys[len(r.keys)-1].id }

// Seal seals a text for a field of a portal's.
func (r *Keyring) Seal(portal, field, text string) (Sealed, error) {
	key := r.keys[0]
	gcm, err := key.cipher(portal)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{KeyID: key.id, Text: gcm.Seal(nil, nil, []byte(text), place(portal, field, key.id))}, nil
}

// Open returns a sealed text. The error is [ErrOtherKey] or [ErrBroken].
func (r *Keyring) Open(portal, field string, s Sealed) (string, error) {
	for _, key := range r.keys {
		if key.id != s.KeyID {
			continue
		}
		gcm, err := key.cipher(portal)
		if err != nil {
			return "", err
		}
		text, err := gcm.Open(nil, nil, s.Text, place(portal, field, key.id))
		if err != nil {
			return "", ErrBroken
		}
		return string(text), nil
	}
	return "", ErrOtherKey
}

// cipher is AES-256-GCM, with random nonces, under the portal's key.
func (k masterKey) cipher(portal string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.bytes, nil, "thnks-hubspot-sync tokens of portal "+portal, masterLen)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// place is the associated data of a sealed text. No part of it can hold a NUL.
func place(portal, field, keyID string) []byte {
	return []byte(strings.Join([]string{"thnks-hubspot-sync", portal, field, keyID}, "\x00"))
}
