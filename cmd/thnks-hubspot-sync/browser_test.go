package main

import "testing"

// TestDesktop: a browser is opened where someone sees it, and nowhere else.
func TestDesktop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		system string
		env    map[string]string
		want   bool
	}{
		{"linux", nil, false},
		{"linux", map[string]string{"DISPLAY": ":0"}, true},
		{"linux", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, true},
		{"linux", map[string]string{"DISPLAY": ":0", "CI": "true"}, false},
		{"linux", map[string]string{"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, false},
		{"linux", map[string]string{"WAYLAND_DISPLAY": "wayland-0", "SSH_TTY": "/dev/pts/1"}, false},
		{"darwin", nil, true},
		{"darwin", map[string]string{"SSH_TTY": "/dev/ttys001"}, false},
		{"windows", nil, true},
		{"windows", map[string]string{"CI": "1"}, false},
	} {
		if got := hasDesktop(tt.system, func(name string) string { return tt.env[name] }); got != tt.want {
			t.Errorf("%s, %v: %t", tt.system, tt.env, got)
		}
	}
}
