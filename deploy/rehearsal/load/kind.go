package load

// A Kind is what a request asks for.
type Kind uint8

// The kinds. Of those that list, each asks for one page.
const (
	CreateUser Kind = iota
	UpdateUser
	GetUser
	FindUser // by username
	CreateThread
	UpdateThread
	GetThread
	ListThreads // of a user
	CreatePost
	UpdatePost
	DeletePost
	GetPost
	ListPostsInThread
	ListPostsByUser
)

// The services.
const (
	Users   = "users"
	Threads = "threads"
	Posts   = "posts"
)

// An effect is what a request does to a resource.
type effect uint8

const (
	creates effect = iota
	updates
	deletes
	gets
	lists
)

// kinds describes each kind. share is how many of a hundred writes, or of a hundred
// reads, are of it.
var kinds = [...]struct {
	name    string
	service string
	effect  effect
	share   int
}{
	CreateUser:        {"create user", Users, creates, 5},
	UpdateUser:        {"update user", Users, updates, 8},
	CreateThread:      {"create thread", Threads, creates, 7},
	UpdateThread:      {"update thread", Threads, updates, 5},
	CreatePost:        {"create post", Posts, creates, 45},
	UpdatePost:        {"update post", Posts, updates, 20},
	DeletePost:        {"delete post", Posts, deletes, 10},
	GetUser:           {"get user", Users, gets, 20},
	FindUser:          {"find user", Users, lists, 5},
	GetThread:         {"get thread", Threads, gets, 15},
	ListThreads:       {"list threads", Threads, lists, 5},
	GetPost:           {"get post", Posts, gets, 30},
	ListPostsInThread: {"list posts in thread", Posts, lists, 15},
	ListPostsByUser:   {"list posts by user", Posts, lists, 10},
}

// Of a hundred draws of a write, or of a read, how many give which kind.
var writes, reads = table(true), table(false)

func table(write bool) []Kind {
	var t []Kind
	for k := range Kind(len(kinds)) {
		if k.Write() == write {
			for range kinds[k].share {
				t = append(t, k)
			}
		}
	}
	return t
}

func (k Kind) String() string { return kinds[k].name }

// Service gives the service that is asked.
func (k Kind) Service() string { return kinds[k].service }

// Write tells whether the request changes something.
func (k Kind) Write() bool { return kinds[k].effect <= deletes }

// Creates tells whether the request makes a new resource.
func (k Kind) Creates() bool { return kinds[k].effect == creates }

// Deletes tells whether the request removes a resource.
func (k Kind) Deletes() bool { return kinds[k].effect == deletes }

// Gets tells whether the request reads one resource.
func (k Kind) Gets() bool { return kinds[k].effect == gets }
