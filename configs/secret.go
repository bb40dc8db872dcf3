package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// maxSecret is the largest secret file that is read, in bytes.
const maxSecret = 64 << 10

// redacted is printed instead of a secret.
const redacted = "[redacted]"

// A Secret is a token, key or password. It prints as a placeholder: with every
// verb of fmt, in logs, in JSON and YAML, and as an unexported field of another
// value. Only [Secret.Reveal] returns the text.
type Secret struct {
	text *string // behind a pointer, because fmt reads unexported strings
}

// Reveal returns the secret's text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder; JSON and XML use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML returns a placeholder.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// ReadSecret reads the secret that a *_file setting names: an absolute path,
// or a name that is looked up first in $CREDENTIALS_DIRECTORY (see
// systemd.exec(5), Credentials) and then in the folder of the configuration
// file. One trailing line break is dropped.
//
// A file outside $CREDENTIALS_DIRECTORY must be readable by its owner only.
// Errors name the file and never quote its content.
func (c *Config) ReadSecret(ref string) (Secret, error) {
	path, sealed, err := c.findSecret(ref)
	if err != nil {
		return Secret{}, err
	}
	// Opening a named pipe would block, so check before.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return Secret{}, fmt.Errorf("secret file %s is not a regular file: replace it", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, unreadable(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Secret{}, unreadable(path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !sealed {
		return Secret{}, fmt.Errorf("secret file %s can be read or changed by others (mode %04o): run chmod 600 %s", path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, unreadable(path, err)
	}
	if len(data) > maxSecret {
		return Secret{}, fmt.Errorf("secret file %s is larger than 64 KiB: it should hold the secret and nothing else", path)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case strings.TrimSpace(text) == "":
		return Secret{}, fmt.Errorf("secret file %s is empty: write the secret into it", path)
	case strings.ContainsFunc(text, unicode.IsControl):
		return Secret{}, fmt.Errorf("secret file %s holds more than one line or a control character: it should hold the secret and nothing else", path)
	}
	return Secret{&text}, nil
}

// findSecret returns the path of the secret. sealed reports whether it is in
// $CREDENTIALS_DIRECTORY, whose access the service manager controls.
func (c *Config) findSecret(ref string) (path string, sealed bool, err error) {
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	if ref == "" {
		return "", false, errors.New("no secret file is named")
	}
	if filepath.IsAbs(ref) {
		within, err := filepath.Rel(credentials, ref)
		return ref, credentials != "" && err == nil && filepath.IsLocal(within), nil
	}
	local := filepath.Join(c.dir, ref)
	if credentials == "" || !filepath.IsLocal(ref) {
		return local, false, nil
	}
	credential := filepath.Join(credentials, ref)
	if _, err := os.Stat(credential); err == nil {
		return credential, true, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", false, unreadable(credential, err)
	}
	if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("secret file %s does not exist, nor does %s: create one of them", credential, local)
	}
	return local, false, nil
}

// unreadable adds the file and the remedy to the error of opening or reading.
func unreadable(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err // without the path, which our text has
	}
	remedy := "check the file"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "create it, or correct the name in the configuration"
	case errors.Is(err, fs.ErrPermission):
		remedy = "make it belong to the user that runs this program"
	}
	return fmt.Errorf("secret file %s cannot be read (%w): %s", path, err, remedy)
}
