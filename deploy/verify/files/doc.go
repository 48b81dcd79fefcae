// Package files checks the files in deploy/ecs: that AWS takes them as they are meant, and
// that they fit together and to the programs.
//
// Each file is decoded strictly into the input type of the AWS SDK whose command it is
// for, and sent through the SDK's client: what leaves it is compared with the file, so a
// field that AWS would not see is found. Then come the checks that no linter makes, since
// each is about two files, or about a file and the programs: a mount without its volume, a
// stopTimeout that ends before the process does, two services with one role. The table in
// variants_test.go shows for each of them that it can fail.
package files
