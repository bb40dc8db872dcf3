package configs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// callbackPath is where HubSpot sends a browser back to after an admin has
// granted or refused access.
const callbackPath = "/oauth/callback"

// App returns the app of this name; ok is false if there is none.
func (c *Config) App(name string) (app App, ok bool) {
	i := slices.IndexFunc(c.HubSpotApps, func(a App) bool { return a.Name == name })
	if i < 0 {
		return App{}, false
	}
	return c.HubSpotApps[i], true
}

// Public returns the public address of a path of the public side, "" without a
// public_url.
func (c *Config) Public(path string) string {
	if c.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(c.PublicURL, "/") + path
}

// RedirectURL returns the address that every app must have among its redirect
// URLs, letter for letter; "" without a public_url.
func (c *Config) RedirectURL() string { return c.Public(callbackPath) }

// masterKeyLen is the length of a master key, in bytes.
const masterKeyLen = 32

// MasterKeys are the keys that OAuth tokens are sealed with. Each is a
// [Secret] whose text is 32 raw bytes.
type MasterKeys struct {
	Current Secret
	// Next is the key that replaces Current, while `key rotate` is under way; zero
	// otherwise. Tokens are sealed with it and may still be sealed with Current.
	Next Secret
}

// NextMasterKeyFile returns the name of the file of the key that is to
// replace the one in MasterKeyFile.
func (c *Config) NextMasterKeyFile() string { return c.MasterKeyFile + ".next" }

// ReadMasterKeys reads the key in MasterKeyFile and, if there is one, the key in
// [Config.NextMasterKeyFile]. A key is 32 bytes in base64.
func (c *Config) ReadMasterKeys() (MasterKeys, error) {
	var keys MasterKeys
	var err error
	// A rotation ends by giving the next key the name of the current one. Who reads them in
	// the other order, one before and one after, has the old key alone.
	if keys.Next, err = c.readKey(c.NextMasterKeyFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return MasterKeys{}, err
	}
	if keys.Current, err = c.readKey(c.MasterKeyFile); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; a new one is made by: openssl rand -base64 %d", err, masterKeyLen)
		}
		return MasterKeys{}, err
	}
	return keys, nil
}

// MasterKeyPath returns the absolute path from which [Config.ReadMasterKeys] reads
// the key in MasterKeyFile.
func (c *Config) MasterKeyPath() (string, error) {
	path, _, err := c.findSecret(c.MasterKeyFile)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// readKey reads one key.
func (c *Config) readKey(ref string) (Secret, error) {
	secret, err := c.ReadSecret(ref)
	if err != nil {
		return Secret{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(secret.Reveal())
	if err != nil || len(raw) != masterKeyLen {
		return Secret{}, fmt.Errorf("secret file %s does not hold %d bytes in base64: put the key there that was used before, or, before the first portal is connected, make one with openssl rand -base64 %d", ref, masterKeyLen, masterKeyLen)
	}
	text := string(raw)
	return Secret{&text}, nil
}
