package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// pseudoTerminal returns a terminal, and a function that ends it and returns what was
// written to it.
func pseudoTerminal(t *testing.T) (*os.File, func() string) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	var locked, number int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), request, uintptr(unsafe.Pointer(arg))); code != 0 {
			t.Fatal(code)
		}
	}
	theirs, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		var all bytes.Buffer
		_, _ = all.ReadFrom(ours) // ends with an error once the other side is closed
		read <- all.String()
	}()
	return theirs, func() string {
		theirs.Close()
		return <-read
	}
}

// odd are the characters of others that are in what is printed here. A configuration
// cannot have control characters.
const odd = "\u200b\u202e\u2066\U000e0041\ufeff"

// TestTerminalGetsNothingRaw: a configuration that is printed shows such characters on a
// terminal, and has them as they are elsewhere.
func TestTerminalGetsNothingRaw(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "pat-na1-x", "key": "key-x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("state_dir: \"state%s\"\nportals:\n  - name: acme\n    hubspot: {token_file: token}\n    thnks: {api_key_file: key}\n", odd)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	print := func(to io.Writer) {
		t.Helper()
		if err := (&app{configPath: config, stdout: to}).printConfig(false); err != nil {
			t.Fatal(err)
		}
	}
	pty, end := pseudoTerminal(t)
	print(pty)
	shown := end()
	var piped bytes.Buffer
	print(&piped)
	if strings.ContainsAny(shown, odd) || !strings.Contains(shown, `\u202e`) {
		t.Errorf("on a terminal: %.300q", shown)
	}
	if !strings.Contains(piped.String(), "\u202e") {
		t.Errorf("in a pipe: %.300q", piped.String())
	}
}

// TestExportedAudit: the lines of an exported audit have as escapes what a terminal would
// obey or not show, and mean the same; a sheet has it as it is, for programs.
func TestExportedAudit(t *testing.T) {
	t.Parallel()
	text := odd + "\u009b31m\x1b[31m\u2028"
	records := []giftsync.AuditRecord{{Entry: 1, At: time.Unix(1, 0), Action: "create", Reasons: []string{text}, TransactionIDs: []string{text}}}
	var lines, sheet bytes.Buffer
	if err := appendEntries(&lines, nil, "jsonl", "acme", records); err != nil {
		t.Fatal(err)
	}
	var got giftsync.AuditRecord
	if err := json.Unmarshal(lines.Bytes(), &got); err != nil || got.Reasons[0] != text || strings.ContainsAny(lines.String(), text[:strings.Index(text, "3")]+"\x1b\u2028") {
		t.Errorf("%q, read as %q (%v)", lines.String(), got.Reasons, err)
	}
	if err := appendEntries(&sheet, &stats.Sheet{Header: auditHeader}, "csv", "acme", records); err != nil || !strings.Contains(sheet.String(), odd) {
		t.Errorf("%q, %v", sheet.String(), err)
	}
}
