"""What fails around a view, outside of the REST framework's own handler: the transaction that every request is."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from controlplane.core.problem_responses import http_response_of, problem_of_database


class DatabaseProblems(MiddlewareMixin):
    """A database that cannot be reached when the transaction begins, or refuses when it commits, as a problem document."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        problem = problem_of_database(exception)
        return http_response_of(problem) if problem else None
