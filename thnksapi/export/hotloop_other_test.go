//go:build !unix

package export

// alive would tell the watch of other systems that a test goes on.
func alive() {}
